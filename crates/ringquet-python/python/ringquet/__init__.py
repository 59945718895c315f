"""Reads Parquet into Arrow, NumPy and PyTorch at the speed of the storage."""

from ringquet._native import __version__

__all__ = ["__version__"]
