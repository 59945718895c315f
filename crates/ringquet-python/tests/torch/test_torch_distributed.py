"""Rank and world from torch.distributed, with gloo and processes that are spawned."""

import pickle
import tempfile
from pathlib import Path

import torch.distributed
import torch.multiprocessing
from passes import ROWS, flat, ids
from ringquet.torch import BatchDataset
from torch.utils.data import DataLoader

WORLD = 2
ARGUMENTS = {"batch_size": 50, "shuffle": "rows", "seed": 2}


def of_rank(rank: int, path: Path, folder: str, pickled: bytes) -> None:
    """Reads two epochs in three ways, and keeps what it found."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=WORLD)
    try:
        dataset = BatchDataset(path, **ARGUMENTS)
        found = {"own": [ids(dataset), ids(dataset)], "length": len(dataset)}
        # Pickled by a process that had no rank.
        found["pickled"] = ids(pickle.loads(pickled))
        assert dataset.state_dict()["rank"] == rank and dataset.state_dict()["world_size"] == WORLD
        # Workers have no torch.distributed: they have the rank of their main process.
        loader = DataLoader(
            BatchDataset(path, **ARGUMENTS), batch_size=None, num_workers=2, multiprocessing_context="spawn", timeout=120
        )
        found["workers"] = ids(loader)
        # An argument goes before.
        found["all"] = ids(BatchDataset(path, rank=0, world_size=1, **ARGUMENTS))
        # Equal numbers of batches: a collective operation for each one does not hang.
        for _ in dataset:
            torch.distributed.all_reduce(torch.ones(1))
        torch.save(found, f"{folder}/{rank}.pt")
    finally:
        torch.distributed.destroy_process_group()


def test_ranks_of_torch_distributed(uneven: Path) -> None:
    pickled = pickle.dumps(BatchDataset(uneven, **ARGUMENTS))
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(of_rank, (uneven, folder, pickled), nprocs=WORLD)
        found = [torch.load(f"{folder}/{rank}.pt") for rank in range(WORLD)]
    expected = [
        BatchDataset(uneven, rank=rank, world_size=WORLD, **ARGUMENTS) for rank in range(WORLD)
    ]
    for result, dataset in zip(found, expected, strict=True):
        first, second = ids(dataset), ids(dataset)
        assert result["own"] == [first, second] and result["length"] == len(first) == len(dataset)
        assert result["pickled"] == first
        assert sorted(map(tuple, result["workers"])) == sorted(map(tuple, first))
        assert sorted(flat(result["all"])) == list(range(ROWS))
    for epoch in range(2):
        assert sorted(flat(found[0]["own"][epoch]) + flat(found[1]["own"][epoch])) == list(range(ROWS))
