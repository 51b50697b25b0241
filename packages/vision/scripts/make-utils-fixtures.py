"""Writes src/utils/fixtures/drawn.json: what torchvision draws on small generated images.

Run with a Python that has torch and torchvision (1.13.1 and 0.14.1 wrote the file): python3 make-utils-fixtures.py

Inputs come from the linear congruential generator of src/testing/fill.ts: a byte is s >> 24, a float s / 2^31 - 1.
"""

import json
import math
import pathlib

import torch
from torchvision.utils import draw_segmentation_masks, flow_to_image


def states(seed, *shape):
    s = 2654435761 * (seed + 1) % 2**32
    for _ in range(math.prod(shape)):
        s = (1664525 * s + 1013904223) % 2**32
        yield s


def image(seed, *shape):
    return torch.tensor([s >> 24 for s in states(seed, *shape)], dtype=torch.uint8).reshape(shape)


picture = image(2000000, 3, 13, 17)
masks = image(2000302, 2, 13, 17) > 170
flow = torch.tensor([s / 2**31 - 1 for s in states(2000303, 2, 6, 7)], dtype=torch.float32).reshape(2, 6, 7) * 5

drawn = {
    "two colours": draw_segmentation_masks(picture, masks, alpha=0.6, colors=[(255, 0, 0), (0, 255, 0)]),
    "one colour": draw_segmentation_masks(picture, masks, alpha=1.0, colors="blue"),
    "palette": draw_segmentation_masks(picture, masks),
    "flow": flow_to_image(flow),
}
path = pathlib.Path(__file__).parent.parent / "src/utils/fixtures/drawn.json"
path.write_text(json.dumps({name: tensor.flatten().tolist() for name, tensor in drawn.items()}) + "\n")
