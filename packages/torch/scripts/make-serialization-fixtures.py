"""Writes the fixtures of the serialisation tests with PyTorch 1.13.1 and numpy 1.24.

Run with a Python that has both: python3 packages/torch/scripts/make-serialization-fixtures.py
fixtures.json says what each file holds: dtype, shape, strides, offset, values, and which tensors share a storage.
"""

import argparse
import collections
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent.parent / "src" / "serialization" / "fixtures"
DTYPES = [
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32,
    torch.float64, torch.bfloat16, torch.bool, torch.complex64, torch.complex128,
]


def describe(tensor):
    """What the TypeScript side should read; values as raw bytes in row-major order."""
    flat = tensor.detach().contiguous().reshape(-1)
    raw = flat.view(torch.uint8) if flat.dtype is not torch.bool and flat.numel() else flat
    if flat.dtype is torch.bool:
        raw = flat.to(torch.uint8)
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "strides": list(tensor.stride()),
        "offset": tensor.storage_offset(),
        "requiresGrad": tensor.requires_grad,
        "isParameter": isinstance(tensor, torch.nn.Parameter),
        "hex": bytes(raw.tolist()).hex() if flat.numel() else "",
    }


def tensors():
    """One tensor of each dtype, and the shapes that are easily got wrong."""
    made = {str(t).removeprefix("torch."): torch.tensor([0, 1, 2, 3]).to(t) for t in DTYPES}
    base = torch.arange(12, dtype=torch.float32)
    made["base"] = base
    made["transposed"] = base.view(3, 4).t()
    made["sliced"] = base.view(3, 4)[1:, ::2]
    made["scalar"] = torch.tensor(1.5)
    made["empty"] = torch.zeros(0, 3)
    made["parameter"] = torch.nn.Parameter(torch.tensor([[0.5, -0.5]]))
    made["frozen"] = torch.nn.Parameter(torch.tensor([7]), requires_grad=False)
    return made


def training_state():
    """A model, its optimiser after one step, and the plain values that scripts keep beside them."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    model(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    scheduler.step()
    return model, {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "epoch": 3,
        "args": argparse.Namespace(lr=0.5, names=["a", "b"], device=None, resume=False),
        "best": np.float64(93.25),
        "confusion": np.array([[1, 2], [3, 4]], dtype=np.int64),
        "by_id": {1: "one", -2: "minus two", (1, "x"): 3.5},
        "big": 2**70,
        "negative": -(2**40),
        "bytes": b"\x00\xffab",
        "size": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cuda", 1),
        "labels": {3},
        "complex": 1 - 2j,
        "text": "grüße 😀",
    }


class Malicious:
    def __reduce__(self):
        return (os.system, ("echo a pickle has run code; exit 1",))


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    expected = {"madeBy": f"torch {torch.__version__}, numpy {np.__version__}"}

    made = tensors()
    torch.save(made, FOLDER / "tensors.pth")
    torch.save(made, FOLDER / "tensors-legacy.pth", _use_new_zipfile_serialization=False)
    expected["tensors"] = {name: describe(tensor) for name, tensor in made.items()}
    expected["shared"] = ["base", "transposed", "sliced"]

    model, state = training_state()
    torch.save(state, FOLDER / "training.pth")
    expected["model"] = {name: describe(tensor) for name, tensor in model.state_dict().items()}
    expected["expAvg"] = describe(state["optimizer"]["state"][0]["exp_avg"])

    # Plain dicts only: what the writer of this package should write byte for byte.
    plain = {"a": torch.ones(2), "b": {"c": [1, 2.5, None, True, "a"], 4: (1, 2, 3, 4)}, "p": torch.nn.Parameter(torch.zeros(1))}
    torch.save(plain, FOLDER / "plain.pth")
    expected["plainPickle"] = zipfile.ZipFile(FOLDER / "plain.pth").read("plain/data.pkl").hex()

    torch.save({"weight": torch.ones(1), "hook": Malicious()}, FOLDER / "malicious.pth")
    torch.save(Malicious(), FOLDER / "malicious-legacy.pth", _use_new_zipfile_serialization=False)

    values = [None, True, 7, -300, 70000, 2**40, -(2**80), 1.5, "text\n'é", b"raw\xff", [1, [2]], (1, 2, 3, 4),
              {"k": 1}, {1: "v"}, {4, 5}, frozenset([6]), collections.OrderedDict(z=1), np.float32(0.5), np.arange(3.0)]
    expected["pickles"] = [pickle.dumps(values, protocol).hex() for protocol in range(6)]

    arrays = {
        "bool": np.array([True, False]), "uint8": np.array([1, 255], "u1"), "int8": np.array([-1], "i1"),
        "int16": np.array([-2, 300], "<i2"), "int32be": np.array([1, -70000], ">i4"), "int64": np.array([2**40, -1]),
        "uint16": np.array([65535, 1], "<u2"), "uint32be": np.array([2**32 - 1, 2], ">u4"), "uint64": np.array([2**62], "<u8"),
        "float16": np.array([1.5], "<f2"), "float32": np.arange(6, dtype="<f4").reshape(2, 3), "float64be": np.array([0.1, -2], ">f8"),
        "complex64": np.array([1 + 2j], "<c8"), "complex128be": np.array([3 - 4j], ">c16"),
        "fortran": np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)), "scalar": np.array(2.5), "empty": np.zeros((0, 2), "<i4"),
    }
    np.savez(FOLDER / "arrays.npz", **arrays)
    np.savez_compressed(FOLDER / "compressed.npz", **{name: arrays[name] for name in ["float32", "int64", "fortran"]})
    np.save(FOLDER / "float32.npy", arrays["float32"])
    for major in (2, 3):
        with open(FOLDER / f"version{major}.npy", "wb") as file:
            np.lib.format.write_array(file, arrays["float32"], version=(major, 0))
    np.save(FOLDER / "too-large.npy", np.array([2**63], "<u8"))
    np.save(FOLDER / "text.npy", np.array(["a"]))
    np.save(FOLDER / "objects.npy", np.array([None], dtype=object))
    widened = {"uint16": "i4", "uint32be": "i8", "uint64": "i8"}
    expected["arrays"] = {}
    for name, array in arrays.items():
        little = array.astype(array.dtype.newbyteorder("<") if name not in widened else widened[name])
        expected["arrays"][name] = {
            "dtype": little.dtype.name, "shape": list(array.shape), "hex": np.ascontiguousarray(little).tobytes().hex(),
        }

    with open(FOLDER / "fixtures.json", "w") as file:
        lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in expected.items()]
        file.write("{" + ",\n".join(lines) + "}\n")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{total} bytes in {FOLDER}", file=sys.stderr)


main()
