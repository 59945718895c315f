"""A comparison that cannot fail proves nothing: each way to differ must be seen, and said where.

    python -m unittest test_arrow_diff
"""

import unittest

import numpy
import pyarrow

import arrow_diff

INT8 = pyarrow.int8()
LIST = pyarrow.list_(INT8)
PAIR = pyarrow.list_(INT8, 2)
STRUCT = pyarrow.struct([("a", INT8)])
MAP = pyarrow.map_(pyarrow.string(), INT8)


def table(values, kind):
    return pyarrow.table({"c": pyarrow.array(values, kind)})


def float_of(bits):
    return pyarrow.table({"c": pyarrow.array(numpy.array([bits], "u4").view("f4"))})


class Differences(unittest.TestCase):
    def check(self, ours, theirs, *said):
        with self.assertRaises(arrow_diff.Difference) as raised:
            arrow_diff.check_tables("file", ours, theirs)
        for part in said:
            self.assertIn(part, str(raised.exception))

    def test_values(self):
        self.check(table([1, 2, 3], INT8), table([1, 2, 4], INT8), "column 'c', row 2", "has 3", "has 4", "1 of 3")
        self.check(table([True], pyarrow.bool_()), table([False], pyarrow.bool_()), "row 0")
        self.check(table(["a", None, "b"], pyarrow.string()), table(["a", None, "c"], pyarrow.string()), "row 2")
        self.check(table([b"a"], pyarrow.binary(1)), table([b"b"], pyarrow.binary(1)), "row 0")

    def test_bits_of_floats(self):
        self.check(table([0.0], pyarrow.float32()), table([-0.0], pyarrow.float32()), "0x80000000")
        self.check(float_of(0x7FC00000), float_of(0x7FC00001), "0x7fc00000", "0x7fc00001")

    def test_nulls(self):
        self.check(table([1, None], INT8), table([1, 0], INT8), "row 1", "has None", "has 0")
        self.check(table([[1], []], LIST), table([[1], None], LIST), "row 1")

    def test_nested_values_name_the_row(self):
        self.check(table([[1], [2, 3], None, [4]], LIST), table([[1], [2, 3], None, [5]], LIST), "'c'.item, row 3")
        self.check(table([[1], [2]], LIST), table([[1, 2], []], LIST), "list length", "row 0")
        self.check(table([[1, 2], None, [3, 4]], PAIR), table([[1, 2], None, [3, 9]], PAIR), "'c'.item, row 2")
        self.check(table([{"a": 1}, None, {"a": 2}], STRUCT), table([{"a": 1}, None, {"a": 3}], STRUCT), "'c'.a, row 2")
        self.check(table([[("k", 1)], None, [("k", 2)]], MAP), table([[("k", 1)], None, [("k", 3)]], MAP), "row 2")
        self.check(table([[("k", 1)]], MAP), table([[("l", 1)]], MAP), "'c'.key, row 0")

    def test_shape(self):
        self.check(table([1], INT8), table([1, 1], INT8), "ringquet has 1 rows", "PyArrow has 2")
        self.check(table([1], INT8), pyarrow.table({}), "schemas differ", "c: int8")

    def test_schema(self):
        self.check(table([1], INT8), table([1], pyarrow.int16()), "c: int8", "c: int16")
        required = pyarrow.schema([pyarrow.field("c", INT8, nullable=False)])
        self.check(table([1], INT8), table([1], INT8).cast(required), "c: int8 not null")
        element = pyarrow.list_(pyarrow.field("element", INT8))
        self.check(table([[1]], LIST), table([[1]], element), "c.item", "c.element")
        self.check(table([1], INT8), table([1], INT8).replace_schema_metadata({"k": "v"}), "b'k' = b'v'")


class Equalities(unittest.TestCase):
    def test_what_is_the_same(self):
        arrow_diff.check_tables("file", float_of(0x7FC00001), float_of(0x7FC00001))
        arrow_diff.check_tables("file", table([], LIST), table([], LIST))

    def test_chunks_and_offsets_do_not_matter(self):
        for kind, values in [
            (INT8, [1, None, 3]),
            (pyarrow.bool_(), [True, None, False]),
            (pyarrow.string(), ["a", None, "b"]),
            (LIST, [[1], None, [2, None]]),
            (PAIR, [[1, 2], None, [3, None]]),
            (STRUCT, [{"a": 1}, None, {"a": None}]),
            (MAP, [[("k", 1)], None, [("l", None)]]),
        ]:
            with self.subTest(kind=str(kind)):
                whole = table(values, kind)
                cut = pyarrow.concat_tables([whole.slice(0, 1), whole.slice(1)])
                arrow_diff.check_tables("file", cut, whole)
                arrow_diff.check_tables("file", whole.slice(1), table(values[1:], kind))

    def test_what_lies_under_a_null(self):
        under = lambda value: pyarrow.Array.from_buffers(  # noqa: E731
            INT8, 2, [pyarrow.py_buffer(b"\x01"), pyarrow.py_buffer(bytes([5, value]))]
        )
        arrow_diff.check_tables("file", pyarrow.table({"c": under(1)}), pyarrow.table({"c": under(2)}))


if __name__ == "__main__":
    unittest.main()
