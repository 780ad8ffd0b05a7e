"""Compare two runs: settings, scores on the same test images, curves and kernels, as a table and on a page.

A and B: each the workspace, a branch, tag or commit of git, an experiment of DVC, or the id of a complete MLflow run.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.commands import differences
from pipeline.commands.differences import Pairs, Row
from pipeline.config.errors import UserError
from pipeline.data import files
from pipeline.figures import compare as figures
from pipeline.figures import style
from pipeline.network.kernels import as_pictures
from pipeline.page.page import TEMPLATE, data_url, embed, render
from pipeline.tracking import recorded, sides
from pipeline.tracking.recorded import Recorded
from pipeline.tracking.sides import Side

PAGE = TEMPLATE.with_name("compare.html.jinja")
SHOWN = 24  # images that B alone gets right, and as many of those that A alone does
LIMITS = (
    "That is about these two networks on these images, not about the settings: another seed gives another difference; "
    "`make study` answers that."
)


def compare(a: Side, b: Side) -> dict[str, Any]:
    """Return all that a comparison tells, in the order in which it is told."""
    runs = {"A": recorded.read(a), "B": recorded.read(b)}
    one, other = runs.values()
    pairs = None
    if one.predictions and other.predictions and not differences.unlike_tests(one, other):
        pairs = Pairs(one.predictions, other.predictions)
    rows, more = differences.measures(one, other, pairs)
    return {
        "sides": {"A": a, "B": b},
        "same_results": one.outputs == other.outputs,
        "settings": differences.settings(one.settings, other.settings),
        "absent": [f"{name}: {side.absent}." for name, side in (("A", a), ("B", b)) if side.absent],
        "remarks": list(differences.remarks(runs)),
        "rows": rows,
        "more": more,
        "pairs": pairs,
        "runs": runs,
    }


def cards(chosen: NDArray[np.bool_], pairs: Pairs, runs: dict[str, Recorded]) -> list[dict[str, Any]]:
    """Return the most changed of the chosen images, each with its picture, its class and both answers."""
    images = next((run.images for run in runs.values() if run.images is not None), None)
    count = pairs.a.probabilities.shape[1]
    names = next((run.classes for run in runs.values() if run.classes), [str(number) for number in range(count)])
    return [
        {
            "index": int(index),
            "picture": None if images is None else data_url(figures.pixels(images[index]), "image/png"),
            "label": names[pairs.a.labels[index]],
            "answers": {
                name: (names[one.predicted[index]], float(one.probabilities[index].max()))
                for name, one in (("A", pairs.a), ("B", pairs.b))
            },
        }
        for index in pairs.most_changed(chosen)[:SHOWN]
    ]


def page(told: dict[str, Any]) -> str:
    """Return the page of a comparison."""
    runs, pairs = told["runs"], told["pairs"]
    histories = {name: run.history for name, run in runs.items()}
    kernels = {name: as_pictures(run.kernels) for name, run in runs.items() if run.kernels is not None}
    highest = max((float(np.abs(kernel).max()) for of_run in kernels.values() for kernel in of_run), default=1.0)
    curves = []
    if all(history is not None for history in histories.values()):
        curves = [
            drawing(figures.draw_curves(histories, measure), f"Line chart of {measure} by epoch, A against B")
            for measure in ("accuracy", "loss")
        ]
    content = {
        "content_told": content_told(told),
        "curves": curves,
        "kernels": {
            name: drawing(figures.draw_kernels(pictures, highest), f"The {len(pictures)} kernels of {name}")
            for name, pictures in kernels.items()
        },
        "won": cards(pairs.won, pairs, runs) if pairs else [],
        "lost": cards(pairs.lost, pairs, runs) if pairs else [],
    }
    return render(told | content, PAGE)


def drawing(figure: Figure, alt: str) -> Markup:
    """Return a figure as an element of the page."""
    return embed(style.encode(figure, "png"), "image/png", alt)


def report(told: dict[str, Any]) -> str:
    """Return a comparison as lines for a terminal."""
    lines = [f"{name}  {side.name}: {side.told}" for name, side in told["sides"].items()]
    lines += [f"! {line}" for line in [*told["absent"], *told["remarks"]]]
    lines += ["", *table([("setting", "A", "B"), *told["settings"]])] if told["settings"] else []
    lines += ["", content_told(told)]
    heading = Row("measure", "A", "B", "B - A", "95 % interval")
    lines += ["", *table([tuple(vars(row).values()) for row in [heading, *told["rows"]]])]
    if pairs := told["pairs"]:
        lines += ["", f"{pairs_told(pairs)} {LIMITS}"]
    return "\n".join(lines)


def content_told(told: dict[str, Any]) -> str:
    """Return in a sentence whether the two are the same."""
    if told["same_results"]:
        is_sure = not told["settings"] and not any(run.unlike for run in told["runs"].values())
        return "A and B are the same content." if is_sure else "By dvc.lock their results are the same, byte for byte."
    return "Their results differ." if told["settings"] else "Their settings are the same, their results are not."


def pairs_told(pairs: Pairs) -> str:
    """Return in a sentence which network gets which images right."""
    won, lost = int(pairs.won.sum()), int(pairs.lost.sum())
    return (
        f"Of {len(pairs.a.labels):,} test images B alone gets {won:,} right, A alone {lost:,}: McNemar's exact test "
        f"p = {pairs.p:.2g}."
    )


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows of texts as lines, their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main() -> None:
    """Find both runs, print how they differ, and write the page."""
    summary, names = str(__doc__).split("\n\n")
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.compare", description=summary, epilog=names)
    parser.add_argument("a", nargs="?", default="HEAD", metavar="A", help="default: %(default)s")
    parser.add_argument("b", nargs="?", default=sides.WORKSPACE, metavar="B", help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, default="report/compare.html", metavar="FILE", help="default: %(default)s"
    )
    arguments = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        told = compare(sides.find(arguments.a), sides.find(arguments.b))
        print(report(told))
        files.write_text(arguments.output, page(told))
    except UserError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"compare: {error}") from None
    print(f"\nThe page: {arguments.output}")


if __name__ == "__main__":
    main()
