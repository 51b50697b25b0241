"""Writes src/data/fixtures/orders.json: the orders in which PyTorch's samplers and loader visit a data set.

Run with a Python that has torch (1.13 wrote the file): python3 make-data-fixtures.py
"""

import json
import pathlib

import torch
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


def seeded(seed, fn):
    torch.manual_seed(seed)
    result = fn()
    return {"order": result, "after": torch.rand(1).item()}


def epochs(**options):
    """Two epochs of a loader with a draw inside the loop, as dropout makes one."""
    loader = DataLoader(range(11), **options)
    return [[batch.tolist() + [round(torch.rand(1).item(), 8)] for batch in loader] for _ in range(2)]


def own(seed):
    return torch.Generator().manual_seed(seed)


class Jittered(torch.utils.data.Dataset):
    """A random transform: every sample draws from the default generator."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        return index + torch.rand(1)


weights = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6]
cases = {
    "random": seeded(0, lambda: list(RandomSampler(range(12)))),
    "random.twice": seeded(0, lambda: (lambda s: list(s) + list(s))(RandomSampler(range(5)))),
    "random.more": seeded(1, lambda: list(RandomSampler(range(5), num_samples=12))),
    "random.replacement": seeded(2, lambda: list(RandomSampler(range(9), replacement=True, num_samples=40))),
    "random.generator": seeded(3, lambda: list(RandomSampler(range(8), generator=own(42)))),
    "subset": seeded(4, lambda: [int(i) for i in SubsetRandomSampler([3, 1, 4, 15, 9, 2, 6])]),
    "weighted": seeded(5, lambda: list(WeightedRandomSampler(weights, 10))),
    "weighted.once": seeded(6, lambda: list(WeightedRandomSampler(weights, 4, replacement=False))),
    "split": seeded(7, lambda: [list(part.indices) for part in random_split(range(10), [3, 7], generator=own(42))]),
    "split.fractions": seeded(8, lambda: [list(part.indices) for part in random_split(range(11), [0.3, 0.3, 0.4])]),
    "loader.shuffle": seeded(0, lambda: epochs(batch_size=4, shuffle=True)),
    "loader.sequential": seeded(0, lambda: epochs(batch_size=4, drop_last=True)),
    "loader.generator": seeded(0, lambda: epochs(batch_size=3, shuffle=True, generator=own(9))),
    "loader.transform": seeded(
        11, lambda: [[round(v, 6) for v in batch.flatten().tolist()] + [round(torch.rand(1).item(), 8)] for batch in DataLoader(Jittered(), batch_size=3, shuffle=True)]
    ),
}

distributed = []
for size, replicas, shuffle, drop_last, seed, epoch in [
    (10, 4, True, False, 0, 0),
    (10, 4, True, False, 3, 2),
    (10, 4, True, True, 0, 1),
    (10, 4, False, False, 0, 0),
    (10, 4, False, True, 0, 0),
    (3, 8, False, False, 0, 0),
    (3, 8, True, False, 0, 5),
    (12, 3, True, True, 0, 1),
]:
    ranks = []
    for rank in range(replicas):
        sampler = DistributedSampler(range(size), replicas, rank, shuffle=shuffle, seed=seed, drop_last=drop_last)
        sampler.set_epoch(epoch)
        ranks.append(list(sampler))
    distributed.append({"size": size, "numReplicas": replicas, "shuffle": shuffle, "dropLast": drop_last, "seed": seed, "epoch": epoch, "ranks": ranks})

target = pathlib.Path(__file__).parent.parent / "src" / "data" / "fixtures" / "orders.json"
target.parent.mkdir(exist_ok=True)
lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()]
lines.append('"distributed": [\n' + ",\n".join(json.dumps(case) for case in distributed) + "\n]")
target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
