"""Says where two Arrow tables differ: in which file, column and row, down to the bits.

`Table.equals` cannot serve here. It calls NaN different from NaN, it calls 0.0 equal to -0.0, it ignores
the names of list items, and where it says no, it does not say where. This module compares

* schemas as text, one line for each field at any depth, with type, nullability and metadata;
* validity before values, so that what lies under a null slot does not matter;
* fixed-width values by their bits, variable-width values by their bytes, and nested values by descending.

A column may be cut into chunks differently on either side; only its content counts.
"""

import numpy
import pyarrow
import pyarrow.compute


class Difference(Exception):
    """The first difference between two tables; the message says where and what."""


def check_tables(file, ours, theirs):
    """Raises Difference unless both tables hold the same schema, rows and values. `file` is for the message."""
    check_schemas(file, ours.schema, theirs.schema)
    if ours.num_rows != theirs.num_rows:
        raise Difference(f"{file}: ringquet has {ours.num_rows} rows, PyArrow has {theirs.num_rows}")
    for index, field in enumerate(theirs.schema):
        column = f"{file}: column {field.name!r}"
        check_arrays(column, one_chunk(ours.column(index)), one_chunk(theirs.column(index)), lambda row: row)


def one_chunk(column):
    """The column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    if column.num_chunks == 0:
        return pyarrow.array([], column.type)
    return pyarrow.concat_arrays(column.chunks)


# Schemas.


def check_schemas(file, ours, theirs):
    """Raises Difference unless both schemas have the same fields at every depth and the same metadata."""
    our_lines, their_lines = schema_lines(ours), schema_lines(theirs)
    if our_lines == their_lines:
        return
    for number in range(max(len(our_lines), len(their_lines))):
        our_line = our_lines[number] if number < len(our_lines) else "nothing"
        their_line = their_lines[number] if number < len(their_lines) else "nothing"
        if our_line != their_line:
            raise Difference(f"{file}: schemas differ\n    ringquet: {our_line}\n    PyArrow:  {their_line}")


def schema_lines(schema):
    """The schema as text: its fields in order, each before its children, then its metadata."""
    lines = []
    for field in schema:
        add_field_lines(lines, "", field)
    lines.extend(metadata_lines("schema", schema.metadata))
    return lines


def add_field_lines(lines, parent, field):
    name = f"{parent}{field.name}"
    kind = field.type
    lines.append(f"{name}: {type_text(kind)}{'' if field.nullable else ' not null'}")
    lines.extend(metadata_lines(name, field.metadata))
    # Between a map and its two fields stands a struct that has no name of its own: `entries` for the one
    # who writes it, `map` for PyArrow who reads it back, and the same type for both.
    children = [kind.key_field, kind.item_field] if pyarrow.types.is_map(kind) else children_of(kind)
    for child in children:
        add_field_lines(lines, f"{name}.", child)


def children_of(kind):
    return [kind.field(index) for index in range(kind.num_fields)]


def type_text(kind):
    """The type without its children, which have lines of their own."""
    types = pyarrow.types
    if types.is_fixed_size_list(kind):
        return f"fixed_size_list[{kind.list_size}]"
    if types.is_map(kind):
        return f"map{' keys sorted' if kind.keys_sorted else ''}"
    if types.is_large_list(kind):
        return "large_list"
    if types.is_list(kind):
        return "list"
    if types.is_struct(kind):
        return "struct"
    return str(kind)


def metadata_lines(name, metadata):
    return [f"{name} metadata {key!r} = {value!r}" for key, value in sorted((metadata or {}).items())]


# Arrays.


def check_arrays(column, ours, theirs, row_of):
    """Raises Difference unless both arrays hold the same nulls and the same bits.

    `row_of(index)` is the row of the table that element `index` belongs to: below a list there are more
    elements than rows.
    """
    if len(ours) != len(theirs):
        raise Difference(f"{column}: ringquet has {len(ours)} elements, PyArrow has {len(theirs)}")
    if len(theirs) == 0:
        return
    our_valid, their_valid = validity(ours), validity(theirs)
    if our_valid is not None or their_valid is not None:
        everything = numpy.ones(len(theirs), dtype=bool)
        our_mask = everything if our_valid is None else our_valid
        their_mask = everything if their_valid is None else their_valid
        raise_at_first(column, our_mask != their_mask, ours, theirs, row_of)

    kind = theirs.type
    types = pyarrow.types
    if isinstance(kind, pyarrow.ExtensionType) or types.is_dictionary(kind):
        plain = storage if isinstance(kind, pyarrow.ExtensionType) else pyarrow.DictionaryArray.dictionary_decode
        check_arrays(column, plain(ours), plain(theirs), row_of)
    elif types.is_null(kind):
        return
    elif types.is_struct(kind):
        check_struct(column, ours, theirs, their_valid, row_of)
    elif types.is_fixed_size_list(kind):
        check_fixed_size_list(column, ours, theirs, their_valid, row_of)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        check_list(column, ours, theirs, their_valid, row_of)
    elif types.is_boolean(kind) or is_variable_width(kind):
        if not ours.equals(theirs):
            unequal = pyarrow.compute.not_equal(ours, theirs).fill_null(False)
            raise_at_first(column, unequal.to_numpy(zero_copy_only=False), ours, theirs, row_of)
    else:
        unequal = (fixed_width_bytes(ours) != fixed_width_bytes(theirs)).any(axis=1)
        raise_at_first(column, unequal if their_valid is None else unequal & their_valid, ours, theirs, row_of)


def validity(array):
    """True where the array is not null, as numpy; None where it has no null at all."""
    return None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)


def storage(array):
    return array.storage


def is_variable_width(kind):
    types = pyarrow.types
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def fixed_width_bytes(array):
    """The values as a matrix of bytes, one row for each element, what lies under nulls included."""
    width = array.type.bit_width // 8
    values = array.buffers()[1]
    start, count = array.offset * width, len(array) * width
    return numpy.frombuffer(values, dtype=numpy.uint8)[start : start + count].reshape(len(array), width)


def check_struct(column, ours, theirs, valid, row_of):
    # A child's own nulls count only where the struct is there.
    kept, child_row_of = None, row_of
    if valid is not None:
        kept = numpy.flatnonzero(valid)
        child_row_of = lambda index: row_of(int(kept[index]))  # noqa: E731
    for number in range(theirs.type.num_fields):
        our_child, their_child = ours.field(number), theirs.field(number)
        if kept is not None:
            our_child, their_child = our_child.take(pyarrow.array(kept)), their_child.take(pyarrow.array(kept))
        check_arrays(f"{column}.{theirs.type.field(number).name}", our_child, their_child, child_row_of)


def check_fixed_size_list(column, ours, theirs, valid, row_of):
    size = theirs.type.list_size
    kept = numpy.arange(len(theirs)) if valid is None else numpy.flatnonzero(valid)
    our_items, their_items = fixed_size_items(ours, kept, size), fixed_size_items(theirs, kept, size)
    name = theirs.type.value_field.name
    check_arrays(f"{column}.{name}", our_items, their_items, lambda index: row_of(int(kept[index // size])))


def fixed_size_items(array, kept, size):
    if len(kept) == len(array):
        return array.values.slice(array.offset * size, len(array) * size)
    starts = (kept + array.offset) * size
    return array.values.take(pyarrow.array((starts[:, None] + numpy.arange(size)).reshape(-1)))


def check_list(column, ours, theirs, valid, row_of):
    our_lengths, their_lengths = list_lengths(ours, valid), list_lengths(theirs, valid)
    raise_at_first(f"{column} (list length)", our_lengths != their_lengths, ours, theirs, row_of)
    owner = numpy.repeat(numpy.arange(len(theirs)), their_lengths)
    child_row_of = lambda index: row_of(int(owner[index]))  # noqa: E731
    kind = theirs.type
    if pyarrow.types.is_map(kind):
        parts = [("key", "keys"), ("value", "items")]
    else:
        parts = [(kind.value_field.name, "values")]
    for name, part in parts:
        our_items = list_items(ours, getattr(ours, part), our_lengths)
        their_items = list_items(theirs, getattr(theirs, part), their_lengths)
        check_arrays(f"{column}.{name}", our_items, their_items, child_row_of)


def list_offsets(array):
    width = 8 if pyarrow.types.is_large_list(array.type) else 4
    kind = numpy.int64 if width == 8 else numpy.int32
    offsets = numpy.frombuffer(array.buffers()[1], dtype=kind)
    return offsets[array.offset : array.offset + len(array) + 1].astype(numpy.int64)


def list_lengths(array, valid):
    """Items of each list; 0 for a null, whatever its offsets span."""
    lengths = numpy.diff(list_offsets(array))
    return lengths if valid is None else numpy.where(valid, lengths, 0)


def list_items(array, values, lengths):
    """The items of all lists that are not null, one after the other."""
    offsets = list_offsets(array)
    if len(array) == 0:
        return values.slice(0, 0)
    if offsets[-1] - offsets[0] == lengths.sum():
        return values.slice(int(offsets[0]), int(lengths.sum()))
    starts = offsets[:-1]
    indices = [numpy.arange(start, start + length) for start, length in zip(starts, lengths)]
    return values.take(pyarrow.array(numpy.concatenate(indices)))


def raise_at_first(column, unequal, ours, theirs, row_of):
    """Raises Difference at the first element where `unequal` holds, and says how many there are."""
    count = int(numpy.count_nonzero(unequal))
    if count == 0:
        return
    index = int(numpy.flatnonzero(unequal)[0])
    raise Difference(
        f"{column}, row {row_of(index)}: ringquet has {value_text(ours[index])}, PyArrow has "
        f"{value_text(theirs[index])} ({count} of {len(theirs)} elements differ)"
    )


def value_text(scalar, longest=120):
    """The value for a message; floats with their bits, for NaN and NaN look alike."""
    value = scalar.as_py()
    text = repr(value)
    if pyarrow.types.is_floating(scalar.type) and value is not None:
        bits = fixed_width_bytes(pyarrow.array([scalar], scalar.type))[0]
        text += f" (0x{bits[::-1].tobytes().hex()})"
    return text if len(text) <= longest else f"{text[:longest]}…"
