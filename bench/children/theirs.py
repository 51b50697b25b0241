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


def photo_transform():
    from torchvision import transforms as T

    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    return T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(mean, std)])


def photo_loader(folder, workers, batch, **options):
    dataset = torchvision.datasets.ImageFolder(folder, transform=photo_transform())
    return torch.utils.data.DataLoader(
        dataset, batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0, **options
    )


def load(folder, workers, batch, warm, passes, **_):
    loader = photo_loader(folder, workers, batch)
    for number in range(warm + passes):
        if number == warm:
            images, start = 0, time.perf_counter()
        for pictures, _labels in loader:
            if number >= warm:
                images += len(pictures)
    return {"images": images, "seconds": time.perf_counter() - start}


def train_from_photos(folder, workers, batch, count, **_):
    state["network"].train()
    done = -1
    for images, labels in photo_loader(folder, workers, batch, drop_last=True):
        # The first step waits for the first images.
        if done == 0:
            start = time.perf_counter()
        state.update(images=images.contiguous(memory_format=torch.channels_last), labels=labels)
        train_step()
        done += 1
        if done == count:
            break
    return {"seconds": (time.perf_counter() - start) / count}


TASKS = {"add": add, "backward": backward, "prepare": prepare, "train": train, "infer": infer, "threads": threads}
TASKS.update({"load": load, "trainFromPhotos": train_from_photos})
TASKS["resident"] = lambda **_: resident()
TASKS["version"] = lambda **_: {"torch": torch.__version__, "torchvision": torchvision.__version__, "threads": torch.get_num_threads()}

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(TASKS[request.pop("task")](**request)), flush=True)
