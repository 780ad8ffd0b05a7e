"""What a study found: each variant's difference, and the seeds that show it. Numbers come in the unit drawn."""

from collections.abc import Mapping
from math import ceil
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from pipeline.figures import style

# colour, marker and face of a verdict, by its first word: never the colour alone
VERDICTS = {
    "better": (style.BLUE, "o", style.BLUE),
    "worse": (style.ORANGE, "s", style.ORANGE),
    "no": (style.GREEN, "D", style.GREEN),
    "cannot": (style.GREY, "o", "white"),
}
NUMBERS = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−"))  # noqa: RUF001


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
        colour, marker, face = VERDICTS[str(one.verdict).split()[0].strip(",;")]
        axes.plot([one.low_new, one.high_new], [row] * 2, color=colour, linewidth=1, solid_capstyle="butt")
        axes.plot([one.low, one.high], [row] * 2, color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot(one.difference, row, marker, color=colour, markerfacecolor=face, markersize=5)
        interval = f"{one.difference:+.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"
        words.append(interval.replace("-", "−") + f"\n{fill(str(one.verdict), 28)}")  # noqa: RUF001
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
    titles = [fill(name, 20) for name in pairs]
    lines = max(title.count("\n") + 1 for title in titles)
    figure, axes = style.canvas(rows, columns, height=0.5 + (2.2 + 0.15 * lines) * rows)
    figure.suptitle("Each line a seed; blue: better, orange, dashed: worse, grey: equal; black, thick: the mean")
    for place in axes.flat[len(pairs) :]:
        place.set_axis_off()
    for place, title, values in zip(axes.flat, titles, pairs.values(), strict=False):
        gains = (values[:, 1] - values[:, 0]) * (1 if better == "higher" else -1)
        for pair, gain in zip(values, gains, strict=True):
            colour, line = {1: (style.BLUE, "-"), -1: (style.ORANGE, "--"), 0: (style.GREY, "-")}[int(np.sign(gain))]
            place.plot([0, 1], pair, marker=".", color=colour, linestyle=line, linewidth=1)
        place.plot([0, 1], values.mean(axis=0), color="black", linewidth=3)
        place.set(title=title, xlim=(-0.3, 1.3))
        place.set_xticks([0, 1], ["baseline", "variant"])
    for place in axes[:, 0]:
        place.set_ylabel(fill(measure, 26))
    return figure
