"""Reads Parquet into Arrow, NumPy and PyTorch at the speed of the storage.

To begin with::

    import ringquet

    ds = ringquet.open("data/", columns=["id", "emb"])
    for batch in ds.scan():
        ids = numpy.from_dlpack(batch.column("id"))

Arrow libraries take a scan, a batch or a column as it is, without a copy: ``pyarrow.table(ds.scan())``,
``polars.DataFrame(ds.scan())``, ``duckdb.sql("from scan")``. ``ringquet.torch`` has data sets for PyTorch's DataLoader,
``ringquet.ray`` a data source for Ray Data.
"""

from ringquet._errors import (
    CorruptFileError,
    FileChangedError,
    RingquetError,
    SchemaError,
    UnsupportedFileError,
)
from ringquet._native import (
    Batch,
    Column,
    Dataset,
    Epoch,
    EpochBatches,
    Field,
    RowGroup,
    Scan,
    Schema,
    __version__,
    open,
)

__all__ = [
    "Batch",
    "Column",
    "CorruptFileError",
    "Dataset",
    "Epoch",
    "EpochBatches",
    "Field",
    "FileChangedError",
    "RingquetError",
    "RowGroup",
    "Scan",
    "Schema",
    "SchemaError",
    "UnsupportedFileError",
    "__version__",
    "open",
]
