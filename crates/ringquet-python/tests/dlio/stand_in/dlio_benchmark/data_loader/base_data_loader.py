"""What a data loader inherits."""

from abc import ABC, abstractmethod

from dlio_benchmark.common.enumerations import DatasetType
from dlio_benchmark.utils.config import ConfigArguments


class BaseDataLoader(ABC):
    def __init__(self, format_type, dataset_type, epoch_number, data_loader_type):
        args = ConfigArguments.get_instance()
        is_training = dataset_type is DatasetType.TRAIN
        self._args, self.logger = args, args.logger
        self.format_type, self.dataset_type = format_type, dataset_type
        self.epoch_number, self.data_loader_type = epoch_number, data_loader_type
        self.num_samples = args.total_samples_train if is_training else args.total_samples_eval
        self.batch_size = args.batch_size if is_training else args.batch_size_eval

    @abstractmethod
    def read(self): ...

    @abstractmethod
    def next(self): ...

    @abstractmethod
    def finalize(self): ...
