"""PyTorch's side of a comparison: answers each line {"task": ...} on standard input with one line of JSON, as ours.mjs does."""

import json
import re
import sys
import time

import torch
import torchvision

state = {}


def resident():
    status = open("/proc/self/status").read()
    read = lambda key: int(re.search(key + r":\s+(\d+)", status).group(1)) / 1024
    return {"peakMiB": read("VmHWM"), "rssMiB": read("VmRSS")}


def timed(fn, count):
    start = time.perf_counter()
    result = None
    for _ in range(count):
        result = fn()
    return (time.perf_counter() - start) / count, result


def prepare(model, batch, size, channelsLast, classes=1000, **_):
    torch.manual_seed(0)
    network = getattr(torchvision.models, model)(num_classes=classes)
    images = torch.randn(batch, 3, size, size)
    if channelsLast:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    state.update(network=network, images=images, labels=labels, optimizer=optimizer, criterion=torch.nn.CrossEntropyLoss())
    return {}


def train_step():
    loss = state["criterion"](state["network"](state["images"]), state["labels"])
    state["optimizer"].zero_grad(set_to_none=True)
    loss.backward()
    state["optimizer"].step()
    return loss.item()


def add(count, **_):
    four = torch.tensor([1.0, 2.0, 3.0, 4.0])
    start = time.perf_counter()
    for _ in range(count):
        four.add(four)
    return {"seconds": (time.perf_counter() - start) / count}


def backward(count, **_):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    start = time.perf_counter()
    for _ in range(count):
        x.mul(x).sum().backward()
    return {"seconds": (time.perf_counter() - start) / count}


def train(count, **_):
    state["network"].train()
    seconds, loss = timed(train_step, count)
    return {"seconds": seconds, "loss": loss}


def infer(count, **_):
    state["network"].eval()
    with torch.no_grad():
        seconds, _result = timed(lambda: state["network"](state["images"]), count)
    return {"seconds": seconds}


def threads(count, **_):
    torch.set_num_threads(count)
    return {}


TASKS = {"add": add, "backward": backward, "prepare": prepare, "train": train, "infer": infer, "threads": threads}
TASKS["resident"] = lambda **_: resident()
TASKS["version"] = lambda **_: {"torch": torch.__version__, "torchvision": torchvision.__version__, "threads": torch.get_num_threads()}

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(TASKS[request.pop("task")](**request)), flush=True)
