"""Writes src/data/fixtures/workers.json: the random numbers of PyTorch's DataLoader with 2 and 3 workers."""

import json
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset


class Drawn(Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, index):
        return torch.rand(1) + index


def epoch(loader):
    return [[round(value, 6) for value in batch.flatten().tolist()] for batch in loader]


result = {}
for workers in (2, 3):
    torch.manual_seed(11)
    loader = DataLoader(Drawn(), batch_size=2, shuffle=True, num_workers=workers)
    epochs = [epoch(loader), epoch(loader)]
    result[workers] = {"epochs": epochs, "after": round(torch.rand(1).item(), 6)}

path = Path(__file__).parent.parent / "src/data/fixtures/workers.json"
path.write_text(json.dumps(result) + "\n")
