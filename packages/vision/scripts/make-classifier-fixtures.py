"""Writes src/models/fixtures/{classifiers,dense}.json: what networks start with, and what they do in training, as torchvision has it.

`python3 packages/vision/scripts/make-classifier-fixtures.py GAINS.json [--only NAME…]` where GAINS.json maps each builder to the
factor by which its weights are filled (see src/testing/fill.ts). Records are added to those in the files; those of segmentation,
video and optical-flow networks stand in dense.json.

For each builder:
- `initSum`: after `torch.manual_seed(0)` and construction (with the options of the evaluation), the sum of the bit patterns of all floating-point entries of the state
  dict, modulo 2^32;
- `evaluation`, unless fixtures/outputs.json has the like: filled, in evaluation mode, a summary of the output;
- `training`, for some: filled, in training mode, after `torch.manual_seed(1)`: summaries of the outputs, and of all running means
  afterwards, which follow from the momenta of the batch norms; for dense.json also the norm of all gradients of the sum over the
  outputs of their mean squares.
"""

import argparse
import contextlib
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

# Segmentation, video and optical flow: how each is evaluated, and how those that differ in training are trained.
SMALL_CLIP = {"spatial_size": (64, 64), "temporal_size": 8}
DENSE = {
    "deeplabv3_mobilenet_v3_large": {
        "evaluation": {"inputs": [[1, 3, 64, 64]]},
        "training": {"inputs": [[2, 3, 64, 64]], "kwargs": {"aux_loss": True}},
    },
    "deeplabv3_resnet101": {"evaluation": {"inputs": [[1, 3, 32, 32]]}},
    "deeplabv3_resnet50": {"evaluation": {"inputs": [[1, 3, 32, 32]]}},
    "fcn_resnet101": {"evaluation": {"inputs": [[1, 3, 32, 32]]}},
    "fcn_resnet50": {
        "evaluation": {"inputs": [[1, 3, 32, 32]]},
        "training": {"inputs": [[2, 3, 32, 32]], "kwargs": {"aux_loss": True}},
    },
    "lraspp_mobilenet_v3_large": {
        "evaluation": {"inputs": [[1, 3, 64, 64]]},
        "training": {"inputs": [[2, 3, 64, 64]]},
    },
    "mc3_18": {"evaluation": {"inputs": [[1, 3, 4, 32, 32]]}, "training": {"inputs": [[2, 3, 8, 32, 32]]}},
    "mvit_v1_b": {
        "evaluation": {"inputs": [[1, 3, 8, 64, 64]], "kwargs": SMALL_CLIP},
        "training": {"inputs": [[2, 3, 8, 64, 64]], "kwargs": {**SMALL_CLIP, "attention_dropout": 0.1}},
    },
    "mvit_v2_s": {
        "evaluation": {"inputs": [[1, 3, 8, 64, 64]], "kwargs": SMALL_CLIP},
        "training": {"inputs": [[2, 3, 8, 64, 64]], "kwargs": {**SMALL_CLIP, "attention_dropout": 0.1}},
    },
    "r2plus1d_18": {"evaluation": {"inputs": [[1, 3, 4, 32, 32]]}, "training": {"inputs": [[2, 3, 8, 32, 32]]}},
    "r3d_18": {"evaluation": {"inputs": [[1, 3, 4, 32, 32]]}, "training": {"inputs": [[2, 3, 8, 32, 32]]}},
    "raft_large": {"evaluation": {"inputs": [[1, 3, 128, 136]] * 2}, "training": {"inputs": [[1, 3, 128, 128]] * 2}},
    "raft_small": {"evaluation": {"inputs": [[1, 3, 128, 128]] * 2}, "training": {"inputs": [[1, 3, 128, 128]] * 2}},
    "s3d": {"evaluation": {"inputs": [[1, 3, 14, 224, 224]]}, "training": {"inputs": [[1, 3, 14, 224, 224]]}},
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


def make_input(shape, index=0):
    return torch.from_numpy(unit(1_000_000 + index, int(np.prod(shape))).astype(np.float32)).reshape(shape)


@torch.no_grad()
def evaluate(model, name, gain):
    fill(model, gain)
    shape = [1, 3, 224, 224] if name.startswith(("vit", "maxvit")) else [1, 3, 96, 96]
    return {"gain": gain, "input": shape, "output": summary(model.eval()(make_input(shape)))}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@contextlib.contextmanager
def mvit_for(**size):
    """Lets the builders of MViT make networks for other clips than those of 16 frames of 224x224."""
    module = torchvision.models.video.mvit
    original = module._mvit
    module._mvit = lambda **kwargs: original(**{**kwargs, **size})
    try:
        yield
    finally:
        module._mvit = original


def build(name, kwargs):
    if "spatial_size" in kwargs:
        rest = {k: v for k, v in kwargs.items() if k not in SMALL_CLIP}
        with mvit_for(**{k: kwargs[k] for k in SMALL_CLIP}):
            return build(name, rest)
    builder = getattr(torchvision.models, name, None)
    if inspect.isfunction(builder):
        return builder(weights=None, **kwargs)
    for package in ("segmentation", "video", "optical_flow"):
        builder = getattr(getattr(torchvision.models, package), name, None)
        if builder is not None:
            backbone = {"weights_backbone": None} if package == "segmentation" else {}
            return builder(weights=None, **backbone, **kwargs)
    raise SystemExit(f"torchvision {torchvision.__version__} has no {name}")


def named_outputs(output):
    """Of optical flow, which repeats itself, only the first and the last result."""
    if isinstance(output, torch.Tensor):
        return {"": output}
    if isinstance(output, list):
        return {str(i): output[i] for i in (0, len(output) - 1)}
    return dict(output)


def run_dense(name, gain, spec, training):
    kwargs = spec.get("kwargs", {})
    model = build(name, kwargs).train(training)
    with torch.no_grad():
        fill(model, gain)
    torch.manual_seed(1)
    with torch.set_grad_enabled(training):
        outputs = named_outputs(model(*[make_input(shape, i) for i, shape in enumerate(spec["inputs"])]))
    record = {
        "gain": gain,
        "inputs": spec["inputs"],
        "options": {camel(k): v for k, v in kwargs.items()},
        "outputs": {k: summary(v) for k, v in outputs.items()},
    }
    if training:
        sum(v.square().mean() for v in outputs.values()).backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        record["gradients"] = torch.cat(gradients).double().norm().item()
        means = [b.flatten() for k, b in model.named_buffers() if k.endswith("running_mean")]
        if means:
            record["runningMeans"] = torch.cat(means).double().norm().item()
    return record


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
    classifiers = [n for n in gains if inspect.isfunction(vars(torchvision.models).get(n))]
    for name in args.only or [*classifiers, *DENSE]:
        out = fixtures / ("dense.json" if name in DENSE else "classifiers.json")
        models = json.load(open(out))["models"] if out.exists() else {}
        torch.manual_seed(0)
        model = build(name, DENSE.get(name, {}).get("evaluation", {}).get("kwargs", {}))
        models[name] = {"initSum": sum_of_bits(model)}
        if name in DENSE:
            for kind, spec in DENSE[name].items():
                models[name][kind] = run_dense(name, gains[name], spec, kind == "training")
        elif name not in recorded:
            models[name]["evaluation"] = evaluate(model, name, gains[name])
        del model
        if name in TRAINED:
            models[name]["training"] = train_mode(name, gains[name], TRAINED[name])
        print(name, flush=True)
        made_with = f"torchvision {torchvision.__version__}, torch {torch.__version__}"
        content = {"madeWith": made_with, "models": dict(sorted(models.items()))}
        out.write_text(json.dumps(content, indent=1) + "\n")


main()
