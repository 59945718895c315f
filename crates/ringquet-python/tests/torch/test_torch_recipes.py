"""The programs of docs/python.md that need PyTorch."""

from pathlib import Path

import fences

PROGRAMS = fences.programs(fences.PAGE)


def test_pytorch_on_one_gpu(tmp_path: Path) -> None:
    fences.write_data(tmp_path)
    printed = fences.run(PROGRAMS["PyTorch on one GPU"], tmp_path)
    assert "3 + 13 steps; next is epoch 1" in printed


def test_distributed_training(tmp_path: Path) -> None:
    fences.write_data(tmp_path)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    printed = fences.run(PROGRAMS["Distributed training"], tmp_path, launcher)
    for rank in range(2):
        for epoch in range(2):
            assert f"rank {rank} of 2: epoch {epoch}, 16 batches" in printed
