"""The tables of benchmarks/README.md, from results.json."""

from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
START, END = "<!-- results: written by make bench -->\n", "<!-- end of results -->"
NAMES = {"ours": "this pipeline", "keras": "plain Keras `fit`", "pytorch": "PyTorch", "jax": "JAX"}


def write(results: dict[str, Any]) -> None:
    """Write the tables into README.md, in place of those that stand there."""
    before, _, rest = README.read_text().partition(START)
    _, _, after = rest.partition(END)
    tables = "\n".join(TABLES[part](results[part]) for part in TABLES if part in results)
    README.write_text(before + START + "\n" + tables + "\n" + END + after)


def shown(spread: dict[str, float], digits: int = 2) -> str:
    """Return a spread as `median (lowest to highest)`."""
    return f"{spread['median']:,.{digits}f} ({spread['lowest']:,.{digits}f} to {spread['highest']:,.{digits}f})"


def taken_on(part: dict[str, Any]) -> str:
    """Return the sentence that names the machine."""
    machine = part["machine"]
    return f"On {machine['cores']} cores of an {machine['cpu']}, {machine['memory_gib']} GiB.\n"


def cold(part: dict[str, Any]) -> str:
    """Return the table of the cold pipeline against the plain script."""
    rows = [
        f"| {title} | {shown(part[name]['seconds'], 1)} | {shown(part[name]['cpu_seconds'], 1)} | "
        f"{part[name]['memory_mb']['median']:,.0f} |"
        for name, title in (
            ("pipeline", f"`dvc repro --force`, {part['stages']} stages, tracked"),
            ("first", "`dvc repro` in a fresh clone: store and caches are made"),
            ("script", "the plain script"),
        )
    ]
    article = part["without_robustness"]
    return "\n".join(
        [
            "## The whole pipeline, cold, against the article as one script\n",
            "| | seconds | CPU seconds | peak memory of the largest process, MB |",
            "|---|---|---|---|",
            *rows,
            f"| ratio of the forced run to the script | {shown(part['ratio'])} | {shown(part['cpu_ratio'])} | |",
            f"| without the stage `robustness` | {shown(article['ratio'])} | | |",
            f"| ratio of the fresh clone to the script | {shown(part['first_ratio'])} | | |\n",
            taken_on(part),
        ]
    )


def idle(part: dict[str, Any]) -> str:
    """Return the table of a repro with little to do, and of where the seconds of a whole one go."""
    rows = [f"| DVC starts | {part['start']['median']:.2f} | | | |"]
    for name, stage in part["stages"].items():
        whole, imports, work = (stage[key]["median"] for key in ("whole", "imports", "work"))
        rows.append(f"| {name} | {whole:.2f} | {imports:.2f} | {work:.2f} | {whole - imports - work:.2f} |")
    return "\n".join(
        [
            "## Little to do, and where the seconds go\n",
            f"`dvc repro` with everything cached takes {shown(part['nothing'])} seconds, after a change of "
            f"`error_analysis.seed` {shown(part['downstream'])}, with `--force` {shown(part['everything'])}. "
            "Where these go, in seconds, medians:\n",
            "| stage | in all | Python starts and imports | work | tracking, DVC and exit |",
            "|---|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


def noop(part: dict[str, Any]) -> str:
    """Return the sentence on a repro with nothing to do."""
    return "\n".join(
        [
            "## Nothing to do, against DVC alone\n",
            f"`dvc repro` with everything cached takes {shown(part['repro']['seconds'])} seconds, `dvc status` in a "
            f"project without a stage {shown(part['status']['seconds'])}: {shown(part['ratio'])} times.\n",
            taken_on(part),
        ]
    )


def throughput(part: dict[str, Any]) -> str:
    """Return the table of the network's training speed against its peers'."""
    rows = []
    for name, title in NAMES.items():
        figures = part[name]
        ratios = [
            shown(figures[f"ratio_{key}"]) if f"ratio_{key}" in figures else ""
            for key in ("images_a_second", "images_a_second_validated")
        ]
        rows.append(
            f"| {title} | {shown(figures['images_a_second'], 0)} | {ratios[0]} | "
            f"{shown(figures['images_a_second_validated'], 0)} | {ratios[1]} | {shown(figures['accuracy'], 4)} |"
        )
    return "\n".join(
        [
            "## Training the article's network\n",
            "Training images a second: of one epoch that is already compiled, and of three epochs with "
            "compilation and validation. A ratio says how many times as fast this pipeline is.\n",
            "| | one epoch | ratio | three epochs, validated | ratio | test accuracy after three epochs |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


def accuracy(part: dict[str, Any]) -> str:
    """Return the table of seconds to 99 %."""
    titles = {"ours": "preset `fast`, here", "keras": "Keras's example", "pytorch": "PyTorch's example"}
    rows = [
        f"| {title} | {part[name]['mean']:.1f} ({part[name]['seconds']['lowest']:.1f} to "
        f"{part[name]['seconds']['highest']:.1f}) | {part[name]['epochs']['lowest']:.0f} to "
        f"{part[name]['epochs']['highest']:.0f} | {shown(part[name]['ratio']) if 'ratio' in part[name] else ''} |"
        for name, title in titles.items()
    ]
    return "\n".join(
        [
            "## Seconds to 99.0 %\n",
            "Seconds of training, compilation included, after which at least 99.0 % of the test set are right, looked "
            "at after each epoch while the clock stands still; mean of five seeds, all 60,000 images. The test set "
            "ends the race and chose nothing: `fast` was chosen on validation images.\n",
            "| | seconds, mean (lowest to highest) | epochs | ratio to `fast`, median |",
            "|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


def growth(part: dict[str, Any]) -> str:
    """Return the table of time and memory as the data grow."""
    sizes = [size for size in part if size != "machine"]
    rows = [
        f"| {stage} | "
        + " | ".join(
            f"{part[size][stage]['seconds']:.1f} s, {part[size][stage]['memory_mb']:,.0f} MB" for size in sizes
        )
        + " |"
        for stage in part["1"]
    ]
    return "\n".join(
        [
            "## Growth\n",
            "Seconds of work and peak memory of the process, one run each, one epoch; the training set is 1 to 10 "
            "times MNIST's 60,000 images, 47 to 470 MB:\n",
            f"| stage | {' | '.join(f'{size} x' for size in sizes)} |",
            f"|---|{'---|' * len(sizes)}",
            *rows,
            "",
            taken_on(part),
        ]
    )


def experiments(part: dict[str, Any]) -> str:
    """Return the sentence on many experiments."""
    return "\n".join(
        [
            "## Eight experiments, two at a time\n",
            f"Eight queued experiments of two epochs take {shown(part['one']['seconds'], 1)} seconds one after another "
            f"(`make queue JOBS=1`) and {shown(part['two']['seconds'], 1)} two at a time (`JOBS=2`): "
            f"{shown(part['ratio'])} times as fast. In all of them `prepare` was executed "
            f"{'once' if part['prepare_executed'] == 1 else str(part['prepare_executed']) + ' times'}, and "
            f"{part['complete_runs']} complete runs are in MLflow.\n",
            taken_on(part),
        ]
    )


def studies(part: dict[str, Any]) -> str:
    """Return the table of a study against the queue and the bare loop, and what the engine takes of it."""
    titles = {
        "study": "`make study`",
        "queue": "`dvc exp run --queue` for each, then `make queue`",
        "loop": "a loop over plain Keras `fit`, one process",
    }
    rows = []
    for name, title in titles.items():
        figures = part[name]
        ratio, cpu_ratio = (shown(figures[key]) if key in figures else "" for key in ("ratio", "cpu_ratio"))
        rows.append(
            f"| {title} | {shown(figures['seconds'], 1)} | {ratio} | {shown(figures['trials_a_minute'], 1)} | "
            f"{shown(figures['cpu_seconds'], 1)} | {cpu_ratio} | {figures['memory_mb']['median']:,.0f} |"
        )
    outside_trials, outside_training = (
        shown({name: 100 * share for name, share in part["study"][key].items()}, 0)
        for key in ("outside_trials", "outside_training")
    )
    empty = part["empty"]
    return "\n".join(
        [
            "## A study\n",
            f"{part['trials']} trials of the article's network, with its dropout and without, from a cold start to the "
            "last page; six seeds each, the fewest that a study of one variant takes, as fewer could not tell any "
            f"difference from chance. {part['pairs']} pairs without a warm-up. The study ends with one page, the queue "
            "with a page and all figures for each, both with their runs in MLflow; the loop, with other images but "
            "as many, ends with the test accuracies and measures nothing else. The study and the queue "
            f"{'give' if part['same_accuracies'] else 'do not give'} the same accuracies. Ratios are to the study:\n",
            "| | seconds | ratio | trials a minute | CPU seconds | ratio | peak memory of the largest process, MB |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Putting the experiments into the queue takes {shown(part['queue']['queueing'], 1)} of its seconds. Of "
            f"the study's, times the cores, {outside_trials} % pass outside trials: Python, DVC and the workers start, "
            "trials go out and come back, a core waits for the last one, verdicts, page and MLflow. Outside training "
            f"are {outside_training} %: that, and within the trials loading TensorFlow, splitting, the test set and "
            "the moved images.\n",
            f"A trial more that does nothing costs {empty['milliseconds']:.1f} ms, with a result as large as a real "
            f"one's that is kept; the command's peak memory is {empty['memory_mb'][0]:,.0f} MB with "
            f"{empty['trials'][0]:,} of them and {empty['memory_mb'][1]:,.0f} MB with {empty['trials'][1]:,}.\n",
            taken_on(part),
        ]
    )


def serving(part: dict[str, Any]) -> str:
    """Return the table of the served model against bare Keras."""
    rows = []
    for name, title in (("ours", "the published model"), ("keras", "bare Keras")):
        figures = part[name]
        slower, quicker = (
            shown(figures[key]) if key in figures else "" for key in ("ratio_milliseconds", "ratio_images_a_second")
        )
        rows.append(
            f"| {title} | {shown(figures['milliseconds'], 1)} | {slower} | {shown(figures['images_a_second'], 0)} | "
            f"{quicker} |"
        )
    return "\n".join(
        [
            "## The served model\n",
            f"Both by `mlflow models serve`, asked over HTTP in JSON: milliseconds an answer, the median of "
            f"{part['single']} requests of one image, and images a second in one request of {part['many']}. The "
            "published model checks the pixels and answers names; bare Keras, as `mlflow.tensorflow.save_model` keeps "
            "it, answers rows of numbers. Ratios are to the published model:\n",
            "| | milliseconds an answer | ratio | images a second | ratio |",
            "|---|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


def drawing(part: dict[str, Any]) -> str:
    """Return what a movement of the pen costs on the page to draw on."""
    return "\n".join(
        [
            "## Drawing\n",
            f"While a stroke of {part['points']} points is drawn on `report/playground.html`, "
            f"{part['bytes'] / 1e3:,.0f} kB, in {part['browser']} without a GPU, all of the page is computed and "
            f"drawn anew in {shown(part['median'], 1)} milliseconds (the median of a stroke), and in "
            f"{shown(part['percentile_95'], 1)} at its 95th percentile. A screen shows a frame in 16.7.\n",
            taken_on(part),
        ]
    )


def large(part: dict[str, Any]) -> str:
    """Return the table of larger networks' training speed against their peers'."""
    rows = [
        f"| {title} | {shown(found['ours']['images_a_second'], 0)} | {shown(found['keras']['images_a_second'], 0)} | "
        f"{shown(found['keras']['ratio'])} | {shown(found['pytorch']['images_a_second'], 0)} | "
        f"{shown(found['pytorch']['ratio'])} |"
        for title, found in part["networks"].items()
    ]
    return "\n".join(
        [
            "## Training larger networks\n",
            "Training images a second in an epoch of 10,000 that is already compiled; three rounds. A ratio says "
            "how many times as fast this pipeline is.\n",
            "| network | this pipeline | plain Keras `fit` | ratio | PyTorch | ratio |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


def frontier(part: dict[str, Any]) -> str:
    """Return the table of what each preset reaches, and at what price."""
    rows = []
    for name, found in part["presets"].items():
        test, validation = (
            f"{100 * found[key]['mean']:.2f} % ({100 * found[key]['lowest']:.2f} to {100 * found[key]['highest']:.2f})"
            for key in ("test_accuracy", "validation_accuracy")
        )
        rows.append(f"| `{name}` | {test} | {validation} | {shown(found['seconds'], 0)} | {found['parameters']:,} |")
    return "\n".join(
        [
            "## What the presets reach\n",
            f"Mean of {part['seeds']} seeds (lowest to highest), seconds of training with compilation and validation. "
            "`fast`, `tiny` and `best` were chosen on validation images; nothing chose `deeper`.\n",
            "| preset | test accuracy | validation accuracy | seconds | parameters |",
            "|---|---|---|---|---|",
            *rows,
            "",
            taken_on(part),
        ]
    )


TABLES = {
    "cold": cold, "idle": idle, "noop": noop, "throughput": throughput, "accuracy": accuracy, "growth": growth,
    "experiments": experiments, "studies": studies, "serving": serving,
    "drawing": drawing, "large": large, "frontier": frontier,
}  # fmt: skip
