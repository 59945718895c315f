"""The enumerations that a data loader is given."""

from enum import Enum


class FormatType(Enum):
    PARQUET = "parquet"
    NPZ = "npz"
    JPEG = "jpeg"


class DatasetType(Enum):
    TRAIN = "train"
    VALID = "valid"
