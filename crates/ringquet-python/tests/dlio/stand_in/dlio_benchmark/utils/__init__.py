"""Stands in for a package of DLIO: what a data loader sees of it, and no more."""
