"""From process start to the result of a first forward pass, as start.mjs."""

import torch
import torchvision

output = torchvision.models.mobilenet_v2().eval()(torch.randn(1, 3, 64, 64))
assert output.shape[1] == 1000
