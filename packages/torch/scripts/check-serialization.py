"""The Python half of check-serialization.ts: loads what TypeScript wrote, compares it, and writes files to be read back."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

OLD = int(torch.__version__.split(".")[0]) < 2


def describe(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    raw = flat.to(torch.uint8) if flat.dtype is torch.bool else flat.view(torch.uint8) if flat.numel() else flat
    return {
        "dtype": str(tensor.dtype)[len("torch."):], "shape": list(tensor.shape), "strides": list(tensor.stride()),
        "offset": tensor.storage_offset(), "requiresGrad": tensor.requires_grad,
        "isParameter": isinstance(tensor, torch.nn.Parameter), "hex": bytes(raw.tolist()).hex() if flat.numel() else "",
    }


def check(what, actual, expected):
    if actual != expected:
        sys.exit(f"FAILED {what}: expected {expected!r} but got {actual!r}")


def check_tensors(what, tensors, expected):
    check(f"{what}: names", list(tensors), list(expected))
    for name, tensor in tensors.items():
        check(f"{what}: {name}", describe(tensor), expected[name])
    bases = {tensors[name].storage().data_ptr() if OLD else tensors[name].untyped_storage().data_ptr()
             for name in ["base", "transposed", "sliced"]}
    check(f"{what}: shared storages", len(bases), 1)


def main(folder):
    expected = json.loads((folder / "expected.json").read_text())
    loads = [{}, {"weights_only": True}] + ([] if OLD else [{"mmap": True}])
    for options in loads:
        check_tensors(f"tensors.pth {options}", torch.load(folder / "tensors.pth", **options), expected["tensors"])
    # The restricted unpickler of 1.13 knows neither floats nor bytes; that of 2.x knows all that follows but frozenset.
    for options in [{"weights_only": False}] + ([] if OLD else [{"weights_only": True}]):
        state = torch.load(folder / "state.pth", **({} if OLD else options))
        model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
        model.load_state_dict(state["model"])
        optimizer = torch.optim.Adam(model.parameters())
        optimizer.load_state_dict(state["optimizer"])
        check("optimizer keys", sorted(optimizer.state_dict()["state"]), [0, 1, 2, 3])
        check("lr", optimizer.param_groups[0]["lr"], 0.5)
        check("betas", optimizer.param_groups[0]["betas"], (0.9, 0.999))
        check("by_id", list(state["by_id"].items()), [(1, "one"), (-2, "minus two"), ((1, "x"), 3.5)])
        check("bool key types", [type(key) for key in state["types"]], [int, bool, str])
        check("float", (type(state["float"]), state["float"]), (float, 1.0))
        for name, value in {
            "big": 2**70, "negative": -(2**40), "bytes": b"\x00\xffab", "size": torch.Size([2, 3]), "dtype": torch.float16,
            "device": torch.device("cuda", 1), "labels": {3}, "complex": 1 - 2j, "text": "grüße 😀", "epoch": 3,
        }.items():
            check(name, (type(state[name]), state[name]), (type(value), value))
    check("frozenset", torch.load(folder / "frozenset.pth", **({} if OLD else {"weights_only": False})), frozenset([6]))

    arrays = np.load(folder / "arrays.npz")
    check("npz names", arrays.files, list(expected["arrays"]))
    for name, entry in expected["arrays"].items():
        array = arrays[name]
        check(f"npz {name}", [array.dtype.name, list(array.shape), array.tobytes().hex()],
              [entry["dtype"], entry["shape"], entry["hex"]])
    np.testing.assert_array_equal(np.load(folder / "float32.npy"), np.arange(6, dtype="<f4").reshape(2, 3))
    import zipfile
    check("zip64 archive", zipfile.ZipFile(folder / "zip64.zip").testzip(), None)
    check("zip64 content", zipfile.ZipFile(folder / "zip64.zip").read("a"), b"hello")
    try:
        from safetensors.torch import load_file
    except ImportError:
        print("  (the safetensors package is not installed: that part is left out)")
    else:
        tensors = load_file(folder / "all.safetensors")
        for name, tensor in tensors.items():
            check(f"safetensors {name}", describe(tensor)["hex"], expected["tensors"][name]["hex"])

    tensors = torch.load(folder / "tensors.pth")
    torch.save(tensors, folder / "python.pth")
    torch.save(tensors, folder / "python-legacy.pth", _use_new_zipfile_serialization=False)
    print(f"  torch {torch.__version__}, numpy {np.__version__}: all equal")


main(Path(sys.argv[1]))
