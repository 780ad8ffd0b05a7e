"""How sure the network may be: confidence against accuracy, and what refusing the least sure answers is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from pipeline.figures import style

INCHES = 5.4  # across, and as many pixels as the other figures: letters that can be read on a phone
LOOKS = [(style.ORANGE, "s", "white"), (style.BLUE, "o", style.BLUE)]  # colour, marker and face: never colour alone
COUNT = FuncFormatter(lambda value, _: f"{value:,.0f}")
PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")

Table = Mapping[str, NDArray[Any]]


def draw_reliability(tables: Mapping[str, Table]) -> Figure:
    """Draw accuracy against confidence, a point a bin with its interval, and below it how many images the bin holds.

    Each of one or two tables, by its words in the legend, has an entry a bin (bins,): low, high, count, confidence,
    accuracy, accuracy_low, accuracy_high. The bins are the same in all; an empty one has a count of 0 and no point.
    """
    figure, (diagram, images) = _canvas(2, height=6.4, height_ratios=[4, 1], sharex=True)
    diagram.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--")
    note = {"color": style.GREY, "zorder": 1}  # below what is measured
    diagram.text(0.03, 0.97, "underconfident:\nright more often than sure", va="top", **note)
    diagram.text(0.97, 0.03, "overconfident:\nright less often than sure", ha="right", **note)
    for number, ((name, table), (colour, marker, face)) in enumerate(zip(tables.items(), LOOKS, strict=False)):
        filled = table["count"] > 0
        sure, right, low, high = (
            table[column][filled] for column in ("confidence", "accuracy", "accuracy_low", "accuracy_high")
        )
        diagram.vlines(sure, low, high, color=colour, linewidth=1.5, alpha=0.6)
        diagram.plot(sure, right, marker, color=colour, markerfacecolor=face, markersize=5, clip_on=False, label=name)
        width = 0.9 * (table["high"] - table["low"]) / len(tables)
        middle = (table["low"] + table["high"]) / 2 + (number - (len(tables) - 1) / 2) * width
        images.bar(middle, table["count"], width, facecolor=face, edgecolor=colour, linewidth=0.8)
    diagram.set(ylabel="accuracy, and its 95 % interval", xlim=(0, 1), ylim=(0, 1))
    images.set(xlabel="confidence: the highest probability", ylabel="images (log)", yscale="log")
    images.set_ylim(bottom=0.7)  # a single image is a bar too
    images.yaxis.set_major_locator(LogLocator(numticks=4))
    images.yaxis.set_major_formatter(COUNT)
    images.yaxis.set_minor_locator(NullLocator())
    _legend(figure, "Of the images with a confidence of 0.8, are 80 % right?")
    return figure


def draw_risk_coverage(curve: Table, area: float, kept: Mapping[str, float]) -> Figure:
    """Draw the share of wrong answers against the share of images that is answered, and one choice of it.

    The curve has an entry a coverage (n,), the last of which is 1: coverage, risk, risk_low, risk_high; `area` is the
    area under it. `kept` says what one refuses, refused, and of the rest accuracy, accuracy_low, accuracy_high.
    """
    coverage, risk = curve["coverage"], curve["risk"]
    all_answered = risk[-1]
    figure, (axes,) = _canvas(1, height=4.8)
    share, right, low, high = (kept[name] for name in ("refused", "accuracy", "accuracy_low", "accuracy_high"))
    axes.fill_between(coverage, curve["risk_low"], curve["risk_high"], color=style.BLUE, alpha=0.2, linewidth=0)
    axes.plot(coverage, risk, color=style.BLUE, label=f"least sure refused first (band: 95 %): AURC {area:.2g}")
    axes.plot([0, 1], [all_answered] * 2, "--", color=style.GREY, label="refused at random")
    best = np.maximum(0, 1 - (1 - all_answered) / coverage)
    axes.plot(coverage, best, ":", color="black", label="wrong ones refused first: the best there is")
    axes.plot([1 - share] * 2, [1 - low, 1 - high], color=style.ORANGE)
    words = f"95 % interval of the {100 * right:.2f} %: {100 * low:.2f} to {100 * high:.2f} %"
    axes.plot(1 - share, 1 - right, "o-", color=style.ORANGE, markersize=5, clip_on=False, label=words)
    axes.set(xlabel="coverage: the share of images that is answered", ylabel="risk: the share of answers that is wrong")
    # the first few answers, of which a single wrong one is a large share, may leave the figure
    top = max(1.3 * curve["risk_high"][-1], 1.05 * risk[coverage >= 0.05].max())
    axes.set(xlim=(0, 1), ylim=(-0.02 * top, top))  # so that a risk of 0 is seen above the axis
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(PERCENT)
    _legend(figure, f"Refuse the least sure {100 * share:.2g} %: {100 * right:.2f} % of the rest are right")
    return figure


def _canvas(rows: int, height: float, **options: Any) -> tuple[Figure, NDArray[Any]]:
    """Return a figure, and its axes below one another."""
    figure = Figure(figsize=(INCHES, height), dpi=style.WIDTH / INCHES * rcParams["figure.dpi"])
    return figure, figure.subplots(rows, 1, squeeze=False, **options)[:, 0]


def _legend(figure: Figure, title: str) -> None:
    """Put the legend above the axes, and the figure's title above both, which a `suptitle` would lie on."""
    figure.legend(loc="outside upper center", title=title, title_fontsize=rcParams["figure.titlesize"])
