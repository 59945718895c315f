"""The exceptions of ringquet."""


class RingquetError(Exception):
    """Base of the errors that are ringquet's own.

    What storage refuses is an ``OSError`` with ``errno`` and ``filename`` (``FileNotFoundError`` and the like), a wrong
    argument a ``ValueError``.

    Attributes:
        path: File that the error is about, or ``None``.
        row_group: Number of the row group in that file, or ``None``.
        column: Dotted path of the column, or ``None``.
        offset: First byte in the file of what was being read, or ``None``.
        length: Bytes of what was being read, or ``None``.
    """

    path: str | None = None
    row_group: int | None = None
    column: str | None = None
    offset: int | None = None
    length: int | None = None


class CorruptFileError(RingquetError):
    """The bytes are damaged, or they are not a Parquet file."""


class UnsupportedFileError(RingquetError):
    """The file uses a feature that ringquet does not read, such as encryption."""


class FileChangedError(RingquetError):
    """A file was changed or cut while it was read: what was read of it is unreliable."""


class SchemaError(RingquetError):
    """The columns of two files of one data set differ. ``path`` is the second file."""


for _class in (RingquetError, CorruptFileError, UnsupportedFileError, FileChangedError, SchemaError):
    # Where users find them: the name is part of every traceback.
    _class.__module__ = "ringquet"
del _class
