"""What several tests of `ringquet.torch` ask."""

import time
from collections.abc import Callable

import torch

#: Rows of the row groups of each file of `uneven`: none is a multiple of a usual batch, one row group is empty.
UNEVEN = [[100, 37, 0, 64], [1], [250, 250, 33], [90, 11]]
ROWS = sum(sum(rows) for rows in UNEVEN)


def until(is_so: Callable[[], bool], message: Callable[[], str]) -> None:
    """Waits for what takes a moment."""
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline, message()
        time.sleep(0.01)


def ids(batches: object) -> list[list[int]]:
    """The row numbers of each batch."""
    return [batch["id"].tolist() for batch in batches]  # type: ignore[attr-defined]


def flat(batches: list[list[int]]) -> list[int]:
    """The row numbers of all batches."""
    return [id for batch in batches for id in batch]


def equal(left: object, right: object) -> bool:
    """Whether two values of batches are equal, tensors within included."""
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    if isinstance(left, tuple):
        return isinstance(right, tuple) and len(left) == len(right) and all(map(equal, left, right))
    return left == right
