"""What a study found: differences, seeds, curves and seconds. Numbers come in the unit in which they are drawn."""

from collections.abc import Mapping, Sequence
from math import ceil
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from pipeline.figures import style

# colour, marker and face of a verdict, by its first word: never the colour alone
VERDICTS = {
    "better": (style.BLUE, "o", style.BLUE),
    "worse": (style.ORANGE, "s", style.ORANGE),
    "no": (style.GREEN, "D", style.GREEN),
    "cannot": (style.GREY, "o", "white"),
}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
LINES = ["-", "--", ":"]
PANELS = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
}
SHARES = [0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999]
NUMBERS = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−"))  # noqa: RUF001
PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")


def draw_forest(table: pd.DataFrame, measure: str, unit: str, digits: int, worth: float, better: str) -> Figure:
    """Draw each variant's difference with its two intervals against the band of differences that do not matter.

    The columns: variant, difference, low, high (these test images), low_new, high_new (new images, may be missing),
    verdict. `better` is "higher" or "lower".
    """
    names = [fill(name, 26) for name in table["variant"]]
    lines = max(3, *(name.count("\n") + 1 for name in names))
    figure, ((axes,),) = style.canvas(1, 1, height=1.5 + len(table) * (0.13 * lines + 0.12))
    axes.axvspan(-worth, worth, color=style.GREY, alpha=0.2, linewidth=0, label=f"±{worth:g}: would not matter")
    axes.axvline(0, color="black", linewidth=0.8)
    words = []
    for row, one in enumerate(table.itertuples()):
        colour, marker, face = VERDICTS[one.verdict.split()[0].strip(",;")]
        axes.plot([one.low_new, one.high_new], [row] * 2, color=colour, linewidth=1, solid_capstyle="butt")
        axes.plot([one.low, one.high], [row] * 2, color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot(one.difference, row, marker, color=colour, markerfacecolor=face, markersize=5)
        interval = f"{one.difference:+.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"
        words.append(interval.replace("-", "−") + f"\n{fill(one.verdict, 28)}")  # noqa: RUF001
    axes.plot([], [], color="black", linewidth=4, label="95 %, these test images")
    axes.plot([], [], color="black", linewidth=1, label="95 %, new images")
    note = _logarithmic_beyond(axes, table, worth)
    axes.set_yticks(range(len(table)), names)
    right = axes.twinx()
    for side in (axes, right):
        side.set_ylim(len(table) - 0.5, -0.5)
        side.tick_params(axis="y", length=0)
    right.set_yticks(range(len(table)), words, fontsize=8)
    directions = "← worse    better →" if better == "higher" else "← better    worse →"
    axes.set_xlabel(f"difference in {measure}{f', in {unit}' if unit else ''}{note}\n{directions}")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _logarithmic_beyond(axes: Axes, table: pd.DataFrame, worth: float) -> str:
    """Set a scale that shows small differences beside huge ones, and say so."""
    reach = np.abs(table[["difference", "low", "high", "low_new", "high_new"]].to_numpy(float))
    if not worth or np.nanmax(reach) < 60 * worth:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        return ""
    axes.set_xscale("symlog", linthresh=10 * worth, linscale=1.5)
    steps = [step * worth for step in (5, 10, 100, 1000, 10_000) if step * worth < 1.2 * np.nanmax(reach)]
    axes.set_xticks([*(-step for step in steps), 0, *steps])
    axes.xaxis.set_major_formatter(NUMBERS)
    axes.xaxis.set_minor_locator(NullLocator())
    return f", logarithmic beyond ±{10 * worth:g}"


def draw_slopes(pairs: Mapping[str, NDArray[np.floating]], measure: str, better: str) -> Figure:
    """Draw, for each variant, a line a seed from the baseline's value to the variant's: arrays (seeds, 2)."""
    columns = min(len(pairs), 4)
    rows = ceil(len(pairs) / columns)
    figure, axes = style.canvas(rows, columns, height=0.7 + 2.4 * rows)
    figure.suptitle("Each line a seed; blue: better, orange, dashed: worse, grey: equal; black, thick: the mean")
    for place in axes.flat[len(pairs) :]:
        place.set_axis_off()
    for place, (name, values) in zip(axes.flat, pairs.items(), strict=False):
        gains = (values[:, 1] - values[:, 0]) * (1 if better == "higher" else -1)
        for pair, gain in zip(values, gains, strict=True):
            colour, line = {1: (style.BLUE, "-"), -1: (style.ORANGE, "--"), 0: (style.GREY, "-")}[int(np.sign(gain))]
            place.plot([0, 1], pair, marker=".", color=colour, linestyle=line, linewidth=1)
        place.plot([0, 1], values.mean(axis=0), color="black", linewidth=3)
        place.set(title=fill(name, 20), xlim=(-0.3, 1.3))
        place.set_xticks([0, 1], ["baseline", "variant"])
    for place in axes[:, 0]:
        place.set_ylabel(fill(measure, 34))
    return figure


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
    """Draw a measure against a setting, its mean and a band from lowest to highest: columns value, mean, lowest, highest."""
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
        values = curves[[f"{measure}_lowest", f"{measure}_highest"]].stack()
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
