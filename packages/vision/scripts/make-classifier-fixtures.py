"""Writes src/models/fixtures/classifiers.json: what classifiers start with, and what they do in training, as torchvision does it.

`python3 packages/vision/scripts/make-classifier-fixtures.py GAINS.json [--only NAME…]` where GAINS.json maps each builder to the
factor by which its weights are filled (see src/testing/fill.ts). Records are added to those in the file.

For each builder:
- `initSum`: after `torch.manual_seed(0)` and construction, the sum of the bit patterns of all floating-point entries of the state
  dict, modulo 2^32;
- `evaluation`, unless fixtures/outputs.json has the like: filled, in evaluation mode, a summary of the output;
- `training`, for some: filled, in training mode, after `torch.manual_seed(1)`: summaries of the outputs, and of all running means
  afterwards, which follow from the momenta of the batch norms.
"""

import argparse
import inspect
import json
import pathlib
import warnings

import numpy as np
import torch
import torchvision

A, C, M, MASK = 1664525, 1013904223, 2654435761, 0xFFFFFFFF
# One of each family, and others that differ in what training does.
TRAINED = {
    "alexnet": {"input": [2, 3, 64, 64]},
    "convnext_tiny": {"input": [2, 3, 64, 64], "kwargs": {"stochastic_depth_prob": 0.5}},
    "densenet121": {"input": [2, 3, 64, 64], "kwargs": {"drop_rate": 0.2}},
    "efficientnet_b0": {"input": [2, 3, 64, 64], "kwargs": {"stochastic_depth_prob": 0.5}},
    "efficientnet_b5": {"input": [2, 3, 32, 32]},
    "efficientnet_v2_s": {"input": [2, 3, 64, 64]},
    "googlenet": {"input": [2, 3, 64, 64]},
    "inception_v3": {"input": [2, 3, 299, 299]},
    "maxvit_t": {"input": [2, 3, 224, 224], "kwargs": {"mlp_dropout": 0.1, "attention_dropout": 0.1}},
    "mnasnet0_5": {"input": [2, 3, 64, 64]},
    "mobilenet_v2": {"input": [2, 3, 64, 64]},
    "mobilenet_v3_small": {"input": [2, 3, 64, 64]},
    "regnet_y_400mf": {"input": [2, 3, 64, 64]},
    "resnet18": {"input": [2, 3, 64, 64]},
    "shufflenet_v2_x0_5": {"input": [2, 3, 64, 64]},
    "squeezenet1_1": {"input": [2, 3, 64, 64]},
    "swin_t": {"input": [2, 3, 64, 64], "kwargs": {"dropout": 0.1, "attention_dropout": 0.1}},
    "swin_v2_t": {"input": [2, 3, 64, 64], "kwargs": {"dropout": 0.1, "attention_dropout": 0.1}},
    "vgg11_bn": {"input": [2, 3, 64, 64]},
    "vit_b_32": {"input": [2, 3, 64, 64], "kwargs": {"image_size": 64, "dropout": 0.1, "attention_dropout": 0.1}},
}


def unit(stream, count):
    """The stream's numbers on [-1, 1), in double precision."""
    state = np.array([(A * ((M * (stream + 1)) & MASK) + C) & MASK], dtype=np.uint64)
    a, c = A, C
    # Doubling: from n states and the n-fold step the next n follow.
    while len(state) < count:
        state = np.concatenate([state, (state * np.uint64(a) + np.uint64(c)) & np.uint64(MASK)])
        a, c = (a * a) & MASK, (a * c + c) & MASK
    return state[:count].astype(np.float64) / 2147483648 - 1


def fill(model, gain):
    for stream, (key, tensor) in enumerate(model.state_dict().items()):
        last = key.rsplit(".", 1)[-1]
        if not tensor.is_floating_point() or last == "relative_coords_table":
            continue
        u = unit(stream, tensor.numel())
        if last == "running_mean":
            values = 0.1 * u
        elif last == "running_var":
            values = 1 + 0.5 * u
        elif last == "layer_scale":
            values = 1 + 0.1 * u
        elif last.endswith("weight") and tensor.ndim >= 2:
            values = u * (gain * np.sqrt(3 / (tensor.numel() // tensor.shape[0])))
        elif last.endswith("weight"):
            values = 1 + 0.1 * u
        else:
            values = (0.1 if last.endswith("bias") else 0.5) * u
        tensor.copy_(torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape))


def sum_of_bits(model):
    total = 0
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            total += int(tensor.detach().contiguous().numpy().view(np.uint32).sum(dtype=np.uint64))
    return total & MASK


def summary(tensor):
    flat = tensor.detach().double().flatten()
    return {
        "shape": list(tensor.shape),
        "first": [round(v, 9) for v in flat[:16].tolist()],
        "l2": flat.norm().item(),
    }


def make_input(shape):
    return torch.from_numpy(unit(1_000_000, int(np.prod(shape))).astype(np.float32)).reshape(shape)


@torch.no_grad()
def evaluate(model, name, gain):
    fill(model, gain)
    shape = [1, 3, 224, 224] if name.startswith(("vit", "maxvit")) else [1, 3, 96, 96]
    return {"gain": gain, "input": shape, "output": summary(model.eval()(make_input(shape)))}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def build(name, kwargs):
    builder = getattr(torchvision.models, name)
    return builder(weights=None, **kwargs)


@torch.no_grad()
def train_mode(name, gain, spec):
    model = build(name, spec.get("kwargs", {})).train()
    fill(model, gain)
    shape = spec["input"]
    torch.manual_seed(1)
    output = model(make_input(shape))
    outputs = {"": output} if isinstance(output, torch.Tensor) else {camel(k): v for k, v in output._asdict().items()}
    means = [b.flatten() for k, b in model.named_buffers() if k.endswith("running_mean")]
    record = {
        "gain": gain,
        "input": shape,
        "options": {camel(k): v for k, v in spec.get("kwargs", {}).items()},
        "outputs": {k: summary(v) for k, v in outputs.items()},
    }
    if means:
        record["runningMeans"] = torch.cat(means).double().norm().item()
    return record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gains")
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gains = json.load(open(args.gains))
    fixtures = pathlib.Path(__file__).parent / "../src/models/fixtures"
    recorded = {record["builder"] for record in json.load(open(fixtures / "outputs.json"))["outputs"].values()}
    out = fixtures / "classifiers.json"
    models = json.load(open(out))["models"] if out.exists() else {}
    for name in args.only or [n for n in gains if inspect.isfunction(vars(torchvision.models).get(n))]:
        torch.manual_seed(0)
        model = build(name, {})
        models[name] = {"initSum": sum_of_bits(model)}
        if name not in recorded:
            models[name]["evaluation"] = evaluate(model, name, gains[name])
        del model
        if name in TRAINED:
            models[name]["training"] = train_mode(name, gains[name], TRAINED[name])
        print(name, flush=True)
        made_with = f"torchvision {torchvision.__version__}, torch {torch.__version__}"
        content = {"madeWith": made_with, "models": dict(sorted(models.items()))}
        out.write_text(json.dumps(content, indent=1) + "\n")


main()
