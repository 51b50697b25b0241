"""Records what PyTorch and torchvision compute, for the twin tests: initial parameters, eval outputs, training losses.

    python3 scripts/make-twin-fixtures.py

Writes tests/twin/fixtures/<model>.json. The files there were made with torch 1.13.1 and torchvision 0.14.1 on the CPU, with one thread.
"""

import base64
import hashlib
import json
import pathlib

import numpy
import torch
import torchvision

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "twin" / "fixtures"
MODELS = ["resnet18", "resnet50", "resnext50_32x4d", "mobilenet_v2"]
# Rounding errors grow more than a hundred-thousandfold in 20 steps of training, so that float32 losses agree only where the very same kernels
# run. In float64 they agree everywhere, but not every network is fast enough in it.
DOUBLE = ["resnet18", "mobilenet_v2"]
STEPS = 20
BATCH = 4
SIZE = 64
LABELS = 10


def floats(tensor):
    """A float tensor as base64 of its little-endian float32 values."""
    return base64.b64encode(tensor.detach().numpy().astype("<f4").tobytes()).decode()


def sums(state):
    """Per entry the sum of its 32-bit patterns modulo 2^32, and a SHA-256 over the bytes of all entries in order."""
    digest = hashlib.sha256()
    by_key = {}
    for key, tensor in state.items():
        if tensor.dtype != torch.float32:
            continue
        data = tensor.detach().contiguous().numpy()
        digest.update(data.tobytes())
        by_key[key] = int(data.view(numpy.uint32).sum(dtype=numpy.uint64) % 2**32)
    return by_key, digest.hexdigest()


def initial(name):
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None)


def evaluation(name):
    """Output for two images drawn right after construction; the whole output of the first is kept."""
    model = initial(name).eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        output = model(images)
    return {"first": floats(output[0]), "second": floats(output[1, :16])}


def training(name, dtype):
    """Losses of SGD steps in train mode; images, labels and dropout masks come from the default generator."""
    model = initial(name).train().to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    losses = []
    for _ in range(STEPS):
        images = torch.randn(BATCH, 3, SIZE, SIZE, dtype=dtype)
        labels = torch.randint(0, LABELS, (BATCH,))
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    norms = {key: float(value.double().norm()) for key, value in model.named_buffers() if value.ndim == 1}
    return {"losses": losses, "statistic_norms": norms}


def main():
    torch.set_num_threads(1)
    for name in MODELS:
        by_key, digest = sums(initial(name).state_dict())
        record = {
            "made_with": f"scripts/make-twin-fixtures.py, torch {torch.__version__}, torchvision {torchvision.__version__}",
            "parameters": {"sums": by_key, "sha256": digest},
            "evaluation": evaluation(name),
            "training": {"steps": STEPS, "batch": BATCH, "size": SIZE, "labels": LABELS, "float32": training(name, torch.float32)},
        }
        if name in DOUBLE:
            record["training"]["float64"] = training(name, torch.float64)
        (FOLDER / f"{name}.json").write_text(json.dumps(record) + "\n")
        print(name, record["training"]["float32"]["losses"])


if __name__ == "__main__":
    main()
