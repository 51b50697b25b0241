"""Writes what PyTorch computes for quantisers with trained ranges, for the tests of quantisation-aware training.

    python3 packages/modelopt/scripts/make-qat-fixtures.py packages/modelopt/src/quantization/fixtures

LSQ by torch.ao's own learnable quantiser, PACT and TQT as their papers state them, on autograd. Made with torch 1.13. Needed
only to make the fixtures anew.
"""

import json
import math
import sys
from pathlib import Path

import torch


def wave(shape, seed, scale=1.0):
    n = math.prod(shape)
    i = torch.arange(n, dtype=torch.float64)
    return (torch.sin(i * 0.7548776662 + seed) * scale).to(torch.float32).reshape(shape)


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class Ceil(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.ceil(x)

    @staticmethod
    def backward(ctx, g):
        return g


def lists(**tensors):
    return {k: v.detach().reshape(-1).tolist() for k, v in tensors.items()}


def lsq(x, g, scale, zero, low, high, axis):
    x = x.clone().requires_grad_()
    s = torch.tensor(scale).requires_grad_()
    z = torch.tensor(zero, dtype=torch.float32)
    n = x.numel() / len(scale)
    factor = 1 / math.sqrt(n * high)
    if axis is None:
        y = torch._fake_quantize_learnable_per_tensor_affine(x, s, z, low, high, factor)
    else:
        y = torch._fake_quantize_learnable_per_channel_affine(x, s, z, axis, low, high, factor)
    (y * g).sum().backward()
    return lists(output=y, x=x.grad, scale=s.grad)


def tqt(x, g, log2t, low, high, bits, power):
    """Equations 4 to 8: s = 2^ceil(log2 t) / 2^(b-1) or / 2^b, q = clip(round(x / s)) * s."""
    x = x.clone().requires_grad_()
    t = torch.tensor(log2t).requires_grad_()
    exponent = Ceil.apply(t) if power else t
    s = 2 ** (exponent - (bits - 1 if low < 0 else bits))
    y = torch.clamp(Round.apply(x / s), low, high) * s
    (y * g).sum().backward()
    return lists(output=y, x=x.grad, threshold=t.grad)


def pact(x, g, alpha, levels):
    """Equations 1 to 3: y = 0.5 (|x| - |x - a| + a), y_q = round(y * levels / a) * a / levels, with dy_q/da = 1 where x >= a."""
    x = x.clone().requires_grad_()
    a = torch.tensor(alpha).requires_grad_()
    y = 0.5 * (x.abs() - (x - a).abs() + a)
    q = torch.round(y.detach() * levels / a.detach()) * a.detach() / levels
    y = y + (q - y).detach()
    (y * g).sum().backward()
    return lists(output=y, x=x.grad, alpha=a.grad)


x = wave((4, 6), 1, 1.5)
g = wave((4, 6), 7)
result = {
    "lsq": lsq(x, g, [0.11], [0], -8, 7, None),
    "lsqAffine": lsq(x, g, [0.11], [5], 0, 15, None),
    "lsqPerChannel": lsq(x, g, [0.05, 0.11, 0.3, 0.17], [0, 0, 0, 0], -8, 7, 0),
    "tqt": tqt(x, g, [-0.3], -8, 7, 4, True),
    "tqtUnsigned": tqt(x, g, [0.4], 0, 15, 4, True),
    "tqtReal": tqt(x, g, [-0.3], -8, 7, 4, False),
    "pact": pact(x, g, [0.9], 15),
}
Path(sys.argv[1], "qat.json").write_text(json.dumps(result) + "\n")
