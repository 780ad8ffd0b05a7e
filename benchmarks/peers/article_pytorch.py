"""The article's network in PyTorch: `python article_pytorch.py <MNIST folder>`."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from clock import measure, mnist

torch.set_num_threads(2)
torch.manual_seed(0)
x, y, xt, yt = (torch.from_numpy(array.copy()) for array in mnist(Path(sys.argv[1])))
x, xt = (images[:, None].float() / 255 for images in (x, xt))
y, yt = y.long(), yt.long()
model = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Dropout(0.5),
    nn.Linear(5408, 10),
).to(memory_format=torch.channels_last)  # fmt: skip
nn.init.xavier_uniform_(model[0].weight)
nn.init.xavier_uniform_(model[6].weight)
nn.init.zeros_(model[0].bias)
nn.init.zeros_(model[6].bias)
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
loss = nn.CrossEntropyLoss()


def epoch(validate: bool) -> float:
    """Train an epoch; return the test accuracy after it, when it validates."""
    model.train()
    for batch in torch.randperm(len(x)).split(128):
        optimizer.zero_grad()
        loss(model(x[batch]), y[batch]).backward()
        optimizer.step()
    if not validate:
        return 0.0
    model.eval()
    with torch.no_grad():
        return (
            sum((model(xt[i : i + 1000]).argmax(1) == yt[i : i + 1000]).sum().item() for i in range(0, 10_000, 1000))
            / 10_000
        )


measure(epoch, len(x))
