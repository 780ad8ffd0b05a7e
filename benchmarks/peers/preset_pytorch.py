"""A preset's network in PyTorch: `python preset_pytorch.py <MNIST folder> <settings as JSON>`."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import SOME, mnist, steady

torch.set_num_threads(2)
torch.manual_seed(0)
x, y, _, _ = (torch.from_numpy(array.copy()) for array in mnist(Path(sys.argv[1]), SOME))
x, y = x[:, None].float() / 255, y.long()
settings = json.loads(sys.argv[2])
model, train = settings["model"], settings["train"]
same, bias = model["padding"] == "same", not model["batch_normalization"]
modules: list[nn.Module] = []
channels, side = 1, 28
for number, filters in enumerate(model["filters"], 1):
    kernel = model["kernel_size"]
    modules.append(nn.Conv2d(channels, filters, kernel, padding=kernel // 2 if same else 0, bias=bias))
    modules += [nn.ReLU()] if bias else [nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01), nn.ReLU()]
    channels, side = filters, side if same else side - kernel + 1
    if number in (model["pool_after"] or [len(model["filters"])]):
        modules += [nn.MaxPool2d(2), nn.Dropout(model["dropout"])]
        side //= 2
modules.append(nn.Flatten())
features = channels * side * side
for units in model["dense"]:
    modules.append(nn.Linear(features, units, bias=bias))
    modules += [nn.ReLU()] if bias else [nn.BatchNorm1d(units, eps=1e-3, momentum=0.01), nn.ReLU()]
    features = units
network = nn.Sequential(*modules, nn.Dropout(model["dense_dropout"]), nn.Linear(features, 10))
network = network.to(memory_format=torch.channels_last)
optimizers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
optimizer = optimizers[train["optimizer"]](network.parameters(), lr=train["learning_rate"], eps=1e-7)
loss = nn.CrossEntropyLoss()


def augmented(images: torch.Tensor) -> torch.Tensor:
    """Return images turned and moved at random, by one interpolation."""
    if not (model["augment_rotation"] or model["augment_shift"]):
        return images
    turn = (2 * torch.rand(len(images)) - 1) * math.radians(model["augment_rotation"])
    shift = (2 * torch.rand(len(images), 2) - 1) * model["augment_shift"] * 2
    rows = [
        torch.stack([turn.cos(), -turn.sin(), shift[:, 0]], 1),
        torch.stack([turn.sin(), turn.cos(), shift[:, 1]], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), images.shape, align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def fit(epochs: int, on_end: Callable[..., None]) -> None:
    """Train so many epochs."""
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(train["batch_size"]):
            optimizer.zero_grad()
            loss(network(augmented(x[batch])), y[batch]).backward()
            optimizer.step()
        on_end()


steady(fit, len(x))
