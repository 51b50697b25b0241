"""Writes the fixtures of the optimiser tests with PyTorch 1.13.1.

Run with a Python that has it: python3 packages/torch/scripts/make-optim-fixtures.py
optimizers.json: the parameters after some of 12 steps, as raw bytes, for each set of options; start values and gradients
are drawn from seeds 0 and 1, which draw the same numbers there and here.
schedules.json: learning rates (and momentum) epoch by epoch, with the code that made each. state-*.pth: optimiser state
after 6 of the 12 steps.
"""

import json
from pathlib import Path

import torch
from torch import optim
from torch.optim import lr_scheduler as S

FOLDER = Path(__file__).resolve().parent.parent / "src" / "optim" / "fixtures"
STEPS = 12

# name: (class, options, options of the second group)
OPTIMIZERS = {
    "sgd": ("SGD", dict(lr=0.1), dict(lr=0.05)),
    "sgd-momentum": ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=1e-2), dict(lr=0.03, weight_decay=0)),
    "sgd-nesterov": ("SGD", dict(lr=0.1, momentum=0.8, weight_decay=1e-3, nesterov=True), dict(momentum=0.5)),
    "sgd-dampening": ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, maximize=True), dict(lr=0.02)),
    "adam": ("Adam", dict(lr=0.01), dict(betas=(0.8, 0.95), weight_decay=1e-2)),
    "adam-amsgrad": ("Adam", dict(lr=0.02, amsgrad=True, eps=1e-6), dict(maximize=True)),
    "adamw": ("AdamW", dict(lr=0.01), dict(weight_decay=0.1)),
    "adamw-amsgrad": ("AdamW", dict(lr=0.01, amsgrad=True, maximize=True), dict(lr=0.03)),
    "rmsprop": ("RMSprop", dict(lr=0.01), dict(alpha=0.9, weight_decay=1e-2)),
    "rmsprop-momentum": ("RMSprop", dict(lr=0.01, momentum=0.9), dict(eps=1e-4)),
    "rmsprop-centered": ("RMSprop", dict(lr=0.01, centered=True, momentum=0.5, maximize=True), dict(momentum=0)),
    "adagrad": ("Adagrad", dict(lr=0.1), dict(lr_decay=0.1, weight_decay=1e-2)),
    "adagrad-start": ("Adagrad", dict(lr=0.1, initial_accumulator_value=0.5, eps=1e-6), dict(maximize=True)),
}
STATES = ["sgd-momentum", "adam-amsgrad", "adamw", "rmsprop-centered", "adagrad"]


def raw(tensor):
    return bytes(tensor.detach().reshape(-1).contiguous().view(torch.uint8).tolist()).hex()


def start():
    """Two weights and two biases, in two groups; 37 elements run through the vector code and its remainder."""
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in [(5, 7), (7,), (37,), ()]]


def gradients():
    torch.manual_seed(1)
    return [[torch.randn(shape) for shape in [(5, 7), (7,), (37,), ()]] for _ in range(STEPS)]


def run(name, on_step):
    cls, options, second = OPTIMIZERS[name]
    params = start()
    optimizer = getattr(optim, cls)([{"params": params[:2]}, {"params": params[2:], **second}], **options)
    for step, grads in enumerate(gradients()):
        for i, (param, grad) in enumerate(zip(params, grads)):
            # The last parameter has no gradient in every third step.
            param.grad = None if i == 3 and step % 3 == 2 else grad.clone()
        optimizer.step()
        on_step(step, params, optimizer)


def make_optimizers():
    result = {
        "madeBy": f"torch {torch.__version__}",
        "runs": {},
    }
    for name, (cls, options, second) in OPTIMIZERS.items():
        steps = []

        def on_step(step, params, optimizer):
            steps.append(raw(torch.cat([p.detach().reshape(-1) for p in params])))
            if step == STEPS // 2 - 1 and name in STATES:
                torch.save(optimizer.state_dict(), FOLDER / f"state-{name}.pth")

        run(name, on_step)
        kept = {step: steps[step] for step in (0, 5, 11)}
        result["runs"][name] = {"class": cls, "options": options, "second": second, "params": kept}
    return result


def sgd():
    params = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    return optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.05}], lr=0.1, momentum=0.9)


def adam():
    return optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


METRICS = [1, 0.9, 0.95, 0.92, 0.91, 0.9, 0.899, 0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.1, 0.2, 0.2, 0.2]

# name: (epochs, optimiser, scheduler from it); plateau schedules take METRICS.
SCHEDULES = {
    "step": (12, sgd, lambda o: S.StepLR(o, 3, gamma=0.3)),
    "multistep": (12, sgd, lambda o: S.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5)),
    "exponential": (12, sgd, lambda o: S.ExponentialLR(o, 0.93)),
    "polynomial": (12, sgd, lambda o: S.PolynomialLR(o, total_iters=9, power=0.9)),
    "polynomial-linear": (12, sgd, lambda o: S.PolynomialLR(o, total_iters=9)),
    "cosine": (70, sgd, lambda o: S.CosineAnnealingLR(o, 30, eta_min=1e-4)),
    "cosine-zero": (31, sgd, lambda o: S.CosineAnnealingLR(o, 30)),
    "linear": (12, sgd, lambda o: S.LinearLR(o, start_factor=0.01, total_iters=7)),
    "linear-down": (12, sgd, lambda o: S.LinearLR(o, start_factor=1.0, end_factor=0.3, total_iters=7)),
    "constant": (8, sgd, lambda o: S.ConstantLR(o, factor=0.3, total_iters=4)),
    "lambda": (8, sgd, lambda o: S.LambdaLR(o, [lambda e: 1 / (e + 1), lambda e: 1 - e / 10])),
    "multiplicative": (8, sgd, lambda o: S.MultiplicativeLR(o, lambda e: 0.9 if e % 2 else 0.8)),
    "restarts": (20, sgd, lambda o: S.CosineAnnealingWarmRestarts(o, 5, eta_min=1e-3)),
    "restarts-longer": (40, sgd, lambda o: S.CosineAnnealingWarmRestarts(o, 4, T_mult=2)),
    "onecycle": (40, sgd, lambda o: S.OneCycleLR(o, [0.5, 0.2], total_steps=40)),
    "onecycle-linear": (30, sgd, lambda o: S.OneCycleLR(o, 0.5, epochs=5, steps_per_epoch=6, anneal_strategy="linear", three_phase=True)),
    "onecycle-adam": (20, adam, lambda o: S.OneCycleLR(o, 0.5, total_steps=20, pct_start=0.4, base_momentum=0.8)),
    "onecycle-plain": (20, sgd, lambda o: S.OneCycleLR(o, 0.5, total_steps=20, cycle_momentum=False, div_factor=10, final_div_factor=100)),
    "warmup-cosine": (30, sgd, lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=0.01, total_iters=5), S.CosineAnnealingLR(o, 25)], [5])),
    "warmup-step": (20, sgd, lambda o: S.SequentialLR(o, [S.ConstantLR(o, factor=0.1, total_iters=3), S.StepLR(o, 4), S.ExponentialLR(o, 0.9)], [3, 12])),
    "chained": (12, sgd, lambda o: S.ChainedScheduler([S.ConstantLR(o, factor=0.1, total_iters=4), S.ExponentialLR(o, 0.9)])),
    "plateau": (20, sgd, lambda o: S.ReduceLROnPlateau(o, patience=2, factor=0.5)),
    "plateau-max": (20, sgd, lambda o: S.ReduceLROnPlateau(o, mode="max", patience=1, cooldown=2, threshold=0.05, threshold_mode="abs", min_lr=[0.01, 0.03])),
}


def make_schedules():
    result = {"madeBy": f"torch {torch.__version__}", "metrics": METRICS, "runs": {}}
    for name, (epochs, make, schedule) in SCHEDULES.items():
        optimizer = make()
        scheduler = schedule(optimizer)
        lrs, momenta = [], []
        for epoch in range(epochs):
            lrs.append([group["lr"] for group in optimizer.param_groups])
            momenta.append([group["momentum"] if "momentum" in group else group["betas"][0] for group in optimizer.param_groups])
            optimizer.step()
            if epoch == epochs - 1:
                break
            scheduler.step(METRICS[epoch]) if name.startswith("plateau") else scheduler.step()
        state = {k: v for k, v in scheduler.state_dict().items() if not callable(v) and k != "anneal_func"}
        run = {"lrs": lrs, "keys": sorted(state)}
        if name.startswith("onecycle"):
            run["momenta"] = momenta
        result["runs"][name] = run
    return result


def make_clipping():
    result = []
    for norm_type, max_norm in [(2.0, 1.0), (2.0, 100.0), (1.0, 2.0), (3.0, 0.5), (float("inf"), 0.7)]:
        params = start()
        for param, grad in zip(params, gradients()[0]):
            param.grad = grad.clone()
        total = torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type)
        result.append({
            "normType": "inf" if norm_type == float("inf") else norm_type, "maxNorm": max_norm, "total": raw(total),
            "gradients": raw(torch.cat([p.grad.reshape(-1) for p in params])),
        })
    return result


def make_average():
    """torchvision's ExponentialMovingAverage over a model with batch statistics and their counter."""
    def ema_avg(avg, model, n):
        return decay * avg + (1 - decay) * model

    decay = 0.97
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    ema = optim.swa_utils.AveragedModel(model, "cpu", ema_avg, use_buffers=True)
    states = []
    with torch.no_grad():
        for _ in range(4):
            for tensor in [*model.parameters(), *model.buffers()]:
                tensor.add_(torch.randn(tensor.shape) if tensor.is_floating_point() else 7)
            states.append([raw(t) for t in model.state_dict().values()])
            ema.update_parameters(model)
    return {
        "decay": decay, "keys": list(ema.state_dict()), "models": states,
        "average": [raw(t) for t in ema.state_dict().values()],
    }


def write(name, value):
    lines = [f"{json.dumps(key)}:{json.dumps(item, separators=(',', ':'))}" for key, item in value.items()]
    (FOLDER / name).write_text("{" + ",\n".join(lines) + "}\n")


FOLDER.mkdir(exist_ok=True)
write("optimizers.json", make_optimizers())
write("schedules.json", make_schedules())
write("updates.json", {"clipping": make_clipping(), "average": make_average()})
