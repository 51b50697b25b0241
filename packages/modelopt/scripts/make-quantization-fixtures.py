"""Writes what torch.ao's fx flow computes on a small network, for the tests of quantisation.

    python3 packages/modelopt/scripts/make-quantization-fixtures.py packages/modelopt/src/quantization/fixtures

Made with torch 1.13.1. Needed only to make the fixtures anew.
"""

import copy
import json
import math
import sys
from pathlib import Path

import torch
from torch import nn
from torch.ao.quantization import (
    FakeQuantize,
    HistogramObserver,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    PerChannelMinMaxObserver,
    QConfig,
    QConfigMapping,
    disable_observer,
)
from torch.ao.quantization.quantize_fx import convert_fx, prepare_qat_fx


class Net(nn.Module):
    """Conv-BN-ReLU, a residual addition with a functional ReLU, one without, pooling, a linear layer at top level."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(x))
        x = torch.relu(x + y)
        x = self.pool(x)
        x = x + self.conv3(x)
        x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)
        return self.fc(x)


def wave(shape, seed, scale=1.0):
    """Values that both sides can make from a formula."""
    n = math.prod(shape)
    i = torch.arange(n, dtype=torch.float64)
    return (torch.sin(i * 0.7548776662 + seed) * scale).to(torch.float32).reshape(shape)


def fill(net):
    for seed, (key, tensor) in enumerate(net.state_dict().items()):
        if tensor.dtype != torch.float32:
            continue
        value = wave(tensor.shape, seed, 0.5)
        if key.endswith("running_var") or (key.startswith("bn") and key.endswith("weight")):
            value = value.abs() + 0.5
        tensor.copy_(value)


def numbers(tensor):
    return tensor.detach().to(torch.float64).flatten().tolist()


def qparams(module):
    return {"scale": numbers(module.scale), "zeroPoint": numbers(module.zero_point)}


# Extrema over all batches: values that were only moved about (pooled, flattened), which torch looks at again, cannot widen them.
def flow(weight_scheme, weight_observer, activation_scheme):
    net = Net()
    fill(net)
    qconfig = QConfig(
        activation=FakeQuantize.with_args(
            observer=MinMaxObserver, quant_min=0, quant_max=255, dtype=torch.quint8,
            qscheme=activation_scheme, reduce_range=False,
        ),
        weight=FakeQuantize.with_args(
            observer=weight_observer, quant_min=-128, quant_max=127, dtype=torch.qint8, qscheme=weight_scheme, reduce_range=False,
        ),
    )
    x = wave((2, 3, 8, 8), 100, 2.0)
    model = prepare_qat_fx(net.train(), QConfigMapping().set_global(qconfig), (x,))
    steps = []
    for step in range(2):
        model.zero_grad()
        out = model(wave((2, 3, 8, 8), 100 + step, 2.0 + step))
        (out * wave(out.shape, 7)).sum().backward()
        grads = {name: numbers(p.grad) for name, p in model.named_parameters()}
        steps.append({"output": numbers(out), "gradients": grads})
    model.eval()
    model.apply(disable_observer)
    result = {"steps": steps, "evaluation": numbers(model(x))}
    result["activations"] = [
        qparams(module) for name, module in model.named_modules() if name.startswith("activation_post_process") and name.count(".") == 0
    ]
    result["weights"] = {
        name.replace(".weight_fake_quant", ""): qparams(module) for name, module in model.named_modules() if name.endswith("weight_fake_quant")
    }
    result["state"] = {k: numbers(v) for k, v in model.state_dict().items() if k.endswith(("running_mean", "running_var"))}
    converted = convert_fx(copy.deepcopy(model))
    result["converted"] = numbers(converted(x))
    result["integers"] = {
        "fc": numbers(converted.fc.weight().int_repr()),
        "conv1": numbers(converted.conv1.weight().int_repr()),
    }
    return result


def observers():
    cases = []
    ranges = [(-1.0, 3.0), (0.5, 4.0), (-2.0, -0.5), (0.0, 0.0), (-0.1, 0.1), (0.0, 6.0), (-7.3, 0.25), (0.0, 1e-12)]
    for low, high in ranges:
        x = torch.tensor([low, high])
        for name, kwargs in {
            "affine": dict(dtype=torch.quint8, qscheme=torch.per_tensor_affine, quant_min=0, quant_max=255),
            "symmetric": dict(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric, quant_min=-128, quant_max=127),
            "offset": dict(dtype=torch.quint8, qscheme=torch.per_tensor_symmetric, quant_min=0, quant_max=255),
            "int4": dict(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric, quant_min=-8, quant_max=7),
        }.items():
            observer = MinMaxObserver(**kwargs)
            observer(x)
            scale, zero = observer.calculate_qparams()
            cases.append({"form": name, "min": low, "max": high, "scale": scale.item(), "zeroPoint": int(zero.item())})
    return cases


def moving_averages():
    observer = MovingAverageMinMaxObserver(averaging_constant=0.01, dtype=torch.quint8, quant_min=0, quant_max=255)
    for step in range(3):
        observer(wave((50,), step, 1.0 + step))
    scale, zero = observer.calculate_qparams()
    return {"min": observer.min_val.item(), "max": observer.max_val.item(), "scale": scale.item(), "zeroPoint": int(zero.item())}


def histograms():
    """Extrema are whole numbers because this version of torch cuts them to whole numbers before counting."""
    cases = []
    for name, x in {
        "outlier": torch.cat([wave((4000,), 3, 1.0).abs(), torch.tensor([0.0, 20.0])]),
        "two-sided": torch.cat([wave((4000,), 5, 1.0) ** 3, torch.tensor([-4.0, 9.0])]),
    }.items():
        observer = HistogramObserver(bins=256, dtype=torch.quint8, qscheme=torch.per_tensor_affine, quant_min=0, quant_max=255)
        observer.dst_nbins = 256
        observer(x)
        low, high = observer._non_linear_param_search()
        scale, zero = observer.calculate_qparams()
        cases.append({"name": name, "low": float(low), "high": float(high), "scale": scale.item(), "zeroPoint": int(zero.item())})
    return cases


def main():
    folder = Path(sys.argv[1])
    torch.backends.quantized.engine = "qnnpack"
    affine = torch.per_tensor_affine
    result = {
        "perChannel": flow(torch.per_channel_symmetric, PerChannelMinMaxObserver, affine),
        "perTensor": flow(torch.per_tensor_symmetric, MinMaxObserver, affine),
        "observers": observers(),
        "movingAverage": moving_averages(),
        "histograms": histograms(),
    }
    (folder / "torch-ao.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
