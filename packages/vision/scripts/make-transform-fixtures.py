"""Writes src/transforms/fixtures/transforms.json: what torchvision and Pillow make of small generated images.

Run with a Python that has torch, torchvision and Pillow (1.13.1, 0.14.1 and 9.4 wrote the file): python3 make-transform-fixtures.py

Images are bytes of a linear congruential generator: state 0 is 2654435761 (seed + 1), then s = 1664525 s + 1013904223, all
modulo 2^32; a byte is s >> 24, a float s / 2^32. 8-bit results are frozen as SHA-1 of their bytes in the order channel, row,
column; float results as values.
"""

import hashlib
import json
import math
import pathlib

import torch
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

MODES = {mode.value: mode for mode in InterpolationMode}


def states(seed, count):
    s = 2654435761 * (seed + 1) % 2**32
    for _ in range(count):
        s = (1664525 * s + 1013904223) % 2**32
        yield s


def image(seed, *shape):
    return torch.tensor([s >> 24 for s in states(seed, math.prod(shape))], dtype=torch.uint8).reshape(shape)


def floats(seed, *shape):
    return torch.tensor([s / 2**32 for s in states(seed, math.prod(shape))], dtype=torch.float32).reshape(shape)


def sha1(tensor):
    return hashlib.sha1(tensor.contiguous().numpy().tobytes()).hexdigest()


def pil(fn, tensor):
    return F.pil_to_tensor(fn(F.to_pil_image(tensor)))


def values(tensor):
    return [float(f"{v:.8g}") for v in tensor.flatten().tolist()]


out = {}

out["pillowResize"] = []
for i, (channels, height, width, to_height, to_width) in enumerate(
    [(3, 13, 17, 7, 9), (3, 13, 17, 20, 26), (1, 32, 40, 11, 64), (3, 9, 31, 9, 12), (4, 24, 5, 3, 5), (1, 2, 300, 5, 1), (3, 60, 80, 17, 23)]
):
    for name in ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]:
        source = image(i, channels, height, width)
        # Channel by channel: Pillow premultiplies alpha, which is not asked for here.
        parts = [pil(lambda p: F.resize(p, [to_height, to_width], MODES[name]), source[c : c + 1]) for c in range(channels)]
        result = torch.cat(parts)
        out["pillowResize"].append({"seed": i, "from": [channels, height, width], "to": [to_height, to_width], "interpolation": name, "sha1": sha1(result)})

out["tensorResize"] = []
for name, antialias in [("nearest", False), ("nearest-exact", False), ("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True)]:

    def resize(tensor, size):
        if name == "nearest-exact":  # torchvision 0.14 does not have it yet
            return torch.nn.functional.interpolate(tensor[None].float(), size, mode=name)[0].to(tensor.dtype)
        return F.resize(tensor, size, MODES[name], antialias=antialias or None)

    out["tensorResize"].append(
        {
            "interpolation": name,
            "antialias": antialias,
            "float": values(resize(floats(1, 1, 9, 11), [5, 4])),
            "uint8": sha1(resize(image(1, 3, 13, 17), [20, 7])),
        }
    )

out["sizes"] = [
    [height, width, size, maximum, list(F.resize(torch.zeros(1, height, width), [size], max_size=maximum).shape[1:])]
    for height, width, size, maximum in [(13, 17, 8, None), (17, 13, 8, None), (30, 40, 8, 9), (333, 500, 256, None), (7, 7, 5, 6), (375, 500, 232, None), (50, 3, 7, 60)]
]

A = image(10, 3, 13, 17)
geometry = {
    "crop": [[-2, -3, 9, 9], [1, 2, 5, 6], [8, 10, 9, 20], [-4, 3, 30, 2]],
    "centerCrop": [[5, 5], [6, 6], [20, 20], [13, 17], [14, 9], [7, 30]],
    "pad": [
        [[2], "constant", 0],
        [[1, 3], "constant", 7],
        [[1, 2, 3, 4], "edge", 0],
        [[1, 2, 3, 4], "reflect", 0],
        [[1, 2, 3, 4], "symmetric", 0],
        [[-2, -1, 3, -4], "constant", 9],
        [[-2, -1, 3, -4], "edge", 0],
    ],
}
out["crop"] = [[args, sha1(pil(lambda p: F.crop(p, *args), A))] for args in geometry["crop"]]
out["centerCrop"] = [[args, sha1(pil(lambda p: F.center_crop(p, args), A))] for args in geometry["centerCrop"]]
out["pad"] = [[padding, mode, fill, sha1(pil(lambda p: F.pad(p, padding, fill, mode), A))] for padding, mode, fill in geometry["pad"]]
out["padColours"] = sha1(pil(lambda p: F.pad(p, [1, 2], (1, 2, 3)), A))
out["grey"] = {
    "pil": sha1(pil(lambda p: F.rgb_to_grayscale(p, 1), A)),
    "pil3": sha1(pil(lambda p: F.rgb_to_grayscale(p, 3), A)),
    "tensor": sha1(F.rgb_to_grayscale(A, 1)),
    "float": values(F.rgb_to_grayscale(floats(10, 3, 2, 3), 1)),
}

out["convert"] = []
for data, source in [
    ([0.0, 1e-3, 0.00196, 0.1, 0.25, 0.5, 0.7, 0.998, 0.999, 1.0], torch.float32),
    ([0, 1, 2, 100, 127, 128, 200, 254, 255], torch.uint8),
    ([0, 1, 127, 128, 255, 256, 1000, 32767], torch.int16),
    ([0, 255, 65536, 8388608, 2147483647], torch.int32),
]:
    for target in [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64]:
        case = {"data": data, "from": str(source)[6:], "to": str(target)[6:]}
        try:
            # As text: 2^62 is no exact JSON number.
            case["result"] = [repr(v) for v in F.convert_image_dtype(torch.tensor(data, dtype=source), target).tolist()]
        except RuntimeError:
            case["result"] = None
        out["convert"].append(case)

H = image(11, 3, 32, 40)
torch.manual_seed(42)
out["params"] = {"crop": [list(T.RandomCrop.get_params(H, (20, 24))) for _ in range(5)]}
torch.manual_seed(42)
out["params"]["resizedCrop"] = [list(T.RandomResizedCrop.get_params(H, [0.08, 1.0], [3 / 4, 4 / 3])) for _ in range(8)]
torch.manual_seed(42)
# A narrow image: most tries fail, and some end in the centred rectangle.
out["params"]["narrow"] = [list(T.RandomResizedCrop.get_params(image(0, 1, 50, 8), [0.5, 1.0], [3 / 4, 4 / 3])) for _ in range(4)]
torch.manual_seed(42)
out["params"]["erasing"] = [list(T.RandomErasing.get_params(H, (0.02, 0.33), (0.3, 3.3), [0.0])[:4]) for _ in range(8)]

transforms = {
    "RandomHorizontalFlip": T.RandomHorizontalFlip(0.3),
    "RandomVerticalFlip": T.RandomVerticalFlip(),
    "RandomCrop": T.RandomCrop(10, padding=2),
    "RandomCrop.padIfNeeded": T.RandomCrop([20, 15], pad_if_needed=True, padding_mode="edge"),
    "RandomResizedCrop": T.RandomResizedCrop(9),
    "RandomResizedCrop.bicubic": T.RandomResizedCrop([6, 12], interpolation=InterpolationMode.BICUBIC),
    "RandomApply": T.RandomApply([T.RandomHorizontalFlip(), T.RandomVerticalFlip()], p=0.6),
}
out["random"] = {}
for name, transform in transforms.items():
    torch.manual_seed(7)
    shas = [sha1(F.pil_to_tensor(transform(F.to_pil_image(A)))) for _ in range(6)]
    out["random"][name] = {"sha1": shas, "after": torch.rand(1).item()}
torch.manual_seed(7)
erasing = T.RandomErasing(p=0.7, value="random")
out["random"]["RandomErasing"] = {"values": [values(erasing(floats(12, 1, 5, 6))) for _ in range(3)], "after": torch.rand(1).item()}

train = T.Compose([T.RandomResizedCrop(16), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), T.RandomErasing(p=0.5)])
torch.manual_seed(3)
out["train"] = [values(train(F.to_pil_image(H)).flatten()[::37]) for _ in range(4)]
evaluate = T.Compose([T.Resize(24), T.CenterCrop(20), T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
out["evaluate"] = values(evaluate(F.to_pil_image(H)).flatten()[::37])


def mix(seed, alpha, p, cut):
    """Mixup and CutMix of the reference scripts, with their draws in their order."""
    torch.manual_seed(seed)
    batch, target = floats(13, 3, 1, 4, 5), torch.nn.functional.one_hot(torch.tensor([0, 2, 1]), 3).float()
    if torch.rand(1).item() < p:
        share = float(torch._sample_dirichlet(torch.tensor([alpha, alpha]))[0])
        if cut:
            x, y = torch.randint(5, (1,)), torch.randint(4, (1,))
            half = 0.5 * math.sqrt(1.0 - share)
            w, h = int(half * 5), int(half * 4)
            x1, y1, x2, y2 = int(torch.clamp(x - w, min=0)), int(torch.clamp(y - h, min=0)), int(torch.clamp(x + w, max=5)), int(torch.clamp(y + h, max=4))
            rolled = batch.roll(1, 0)
            batch[:, :, y1:y2, x1:x2] = rolled[:, :, y1:y2, x1:x2]
            share = 1.0 - (x2 - x1) * (y2 - y1) / 20
        else:
            batch = batch * share + batch.roll(1, 0) * (1.0 - share)
        target = target * share + target.roll(1, 0) * (1.0 - share)
    return {"seed": seed, "alpha": alpha, "p": p, "images": values(batch), "targets": values(target)}


out["mixup"] = [mix(seed, alpha, p, False) for seed, alpha, p in [(1, 0.2, 1.0), (2, 1.0, 0.5)]]
out["cutmix"] = [mix(seed, alpha, p, True) for seed, alpha, p in [(1, 1.0, 1.0), (3, 0.8, 1.0), (2, 1.0, 0.5)]]
torch.manual_seed(5)
out["choice"] = [int(torch.multinomial(torch.tensor([0.2, 0.5, 0.3]), 1)) for _ in range(12)]

target = pathlib.Path(__file__).parent.parent / "src" / "transforms" / "fixtures" / "transforms.json"
target.parent.mkdir(exist_ok=True)
target.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in out.items()) + "\n}\n")
