"""The network of PyTorch's own example (pytorch/examples, mnist): `python race_pytorch.py <MNIST folder> <seed>`."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import mnist, race

torch.set_num_threads(2)
torch.manual_seed(int(sys.argv[2]))
x, y, xt, yt = (torch.from_numpy(array.copy()) for array in mnist(Path(sys.argv[1]), 60_000))
x, xt = ((images[:, None].float() / 255 - 0.1307) / 0.3081 for images in (x, xt))
y, yt = y.long(), yt.long()
model = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
    nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
)  # fmt: skip
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
loss = nn.CrossEntropyLoss()


def epoch() -> None:
    """Train an epoch."""
    model.train()
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss(model(x[batch]), y[batch]).backward()
        optimizer.step()
    scheduler.step()


def accuracy() -> float:
    """Return the share of the test set that is right."""
    model.eval()
    with torch.no_grad():
        predicted = torch.cat([model(images).argmax(1) for images in xt.split(1000)])
    return float((predicted == yt).sum()) / len(yt)


race(epoch, accuracy, epochs=14)
