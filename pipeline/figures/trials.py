"""What single trials did: seconds, settings, curves, and whether confidence tells right from wrong."""

from collections.abc import Sequence
from math import ceil
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from pipeline.figures import style

MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
LINES = ["-", "--", ":"]
PANELS = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
}
SHARES = [0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999]
NUMBERS = FuncFormatter(lambda value, _: f"{value:g}")
PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")


def draw_time(table: pd.DataFrame, measure: str, share: bool) -> Figure:
    """Draw a measure against seconds of training, a point a trial: columns arm, seconds, value."""
    figure, axes = _scatter(table["arm"], table["seconds"], table["value"])
    _wide_range(axes, "x", table["seconds"])
    _scale(axes, "y", table["value"], share)
    axes.set(xlabel="seconds of training", ylabel=measure)
    return figure


def draw_separation(table: pd.DataFrame, correlation: float | None) -> Figure:
    """Draw the AUROC of low confidence as a sign of a wrong answer against accuracy: columns study, accuracy, auroc.

    `correlation` is Spearman's, over the points.
    """
    figure, axes = _scatter(table["study"], table["accuracy"], table["auroc"])
    _scale(axes, "x", table["accuracy"], share=True)
    axes.set(xlabel="test accuracy", ylabel="AUROC of low confidence\nas a sign of a wrong answer")
    if correlation is not None:
        axes.set_title(f"Spearman's correlation {correlation:.2f} over {len(table)} trials".replace("-", "−"))  # noqa: RUF001
    return figure


def draw_setting(table: pd.DataFrame, setting: str, measure: str, share: bool) -> Figure:
    """Draw a measure against a setting, its mean and a band: columns value, mean, lowest, highest."""
    table = table.sort_values("value")
    figure, ((axes,),) = style.canvas(1, 1, height=3.2)
    axes.fill_between(table["value"], table["lowest"], table["highest"], color=style.BLUE, alpha=0.2, linewidth=0)
    axes.plot(table["value"], table["mean"], "o-", color=style.BLUE)
    _wide_range(axes, "x", table["value"])
    _scale(axes, "y", table["mean"], share)
    axes.set(xlabel=setting, ylabel=measure)
    return figure


def _scale(axes: Axes, side: str, values: pd.Series, share: bool) -> None:
    """Write shares as percentages, and spread what would lie on one another: shares near 1, wide ranges of others."""
    low, high = values.min(), values.max()
    if not share:
        _wide_range(axes, side, values)
    elif 0 < low < 0.9 < high < 1:
        axes.set(**{f"{side}scale": "logit"})
        axes.set(**{f"{side}ticks": [tick for tick in SHARES if low <= tick <= high]})
    if share:
        _finish(axes, side, PERCENT)


def _wide_range(axes: Axes, side: str, values: pd.Series) -> None:
    """Make an axis logarithmic where its values reach over more than a factor of eight."""
    if 0 < 8 * values.min() < values.max():
        axes.set(**{f"{side}scale": "log"})
        getattr(axes, f"{side}axis").set_major_locator(LogLocator(subs=(1, 2, 5)))
        _finish(axes, side, NUMBERS)


def _finish(axes: Axes, side: str, formatter: FuncFormatter) -> None:
    axis = getattr(axes, f"{side}axis")
    axis.set_major_formatter(formatter)
    axis.set_minor_locator(NullLocator())


def _scatter(groups: pd.Series, x: pd.Series, y: pd.Series) -> tuple[Figure, Axes]:
    """Return a figure with the points of each group in a colour and a marker of its own."""
    names = list(dict.fromkeys(groups))
    figure, ((axes,),) = _with_legend(names, 1, 1, height=3.4)
    for number, name in enumerate(names):
        look = {"marker": MARKERS[number % len(MARKERS)], "color": style.SERIES[number % len(style.SERIES)]}
        chosen = groups == name
        axes.scatter(x[chosen], y[chosen], s=26, alpha=0.8, linewidths=0, label=fill(name, 44), **look)
    _legend(figure, names)
    return figure, axes


def draw_spread(curves: pd.DataFrame, published: pd.DataFrame | None = None) -> Figure:
    """Draw loss and accuracy by epoch: of each arm the mean over its seeds, and a band from lowest to highest.

    The columns: variant, epoch, and <measure>_mean, <measure>_lowest, <measure>_highest. Published values (columns
    measure, epoch, published) are dots.
    """
    names = list(dict.fromkeys(curves["variant"]))
    figure, axes = _with_legend(names, 2, 2, height=5.2)
    for place, (measure, title) in zip(axes.flat, PANELS.items(), strict=True):
        for number, name in enumerate(names):
            arm = curves[curves["variant"] == name]
            colour, line = style.SERIES[number % len(style.SERIES)], LINES[number // len(style.SERIES) % len(LINES)]
            lowest, highest = arm[f"{measure}_lowest"], arm[f"{measure}_highest"]
            place.fill_between(arm["epoch"], lowest, highest, color=colour, alpha=0.2, linewidth=0)
            marker = "." if len(arm) <= 12 else ""
            label = fill(name, 44)
            place.plot(arm["epoch"], arm[f"{measure}_mean"], color=colour, linestyle=line, marker=marker, label=label)
        if published is not None:
            dots = published[published["measure"] == measure]
            place.plot(dots["epoch"], dots["published"], "D", color=style.ORANGE, markersize=4, label="published")
        values = pd.concat([curves[f"{measure}_lowest"], curves[f"{measure}_highest"]])
        _scale(place, "y", values, share="accuracy" in measure)
        place.set(title=title, xlabel="epoch")
        place.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(figure, names if published is None else [*names, "published"])
    return figure


def _with_legend(names: Sequence[str], rows: int, columns: int, height: float) -> tuple[Figure, NDArray[Any]]:
    """Return a canvas with room for a legend of these names above its axes."""
    lines = max(ceil(len(name) / 40) for name in names)
    return style.canvas(rows, columns, height + 0.18 * lines * ceil((len(names) + 1) / _legend_columns(names)))


def _legend(figure: Figure, names: Sequence[str]) -> None:
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=_legend_columns(names))


def _legend_columns(names: Sequence[str]) -> int:
    return max(1, min(4, 110 // (8 + min(44, max(map(len, names))))))
