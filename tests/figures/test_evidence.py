"""What spoke for an answer and for its rival: the maps and filters that are drawn, and sums that add up as written."""

from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, TextArea
from numpy.typing import NDArray
from support.drawings import mosaics_of

from pipeline.figures import evidence, style

NAMES = ["ant", "bee", "cat", "dog"]
IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)


class Shares(NamedTuple):
    by_place: NDArray[np.float64]
    by_filter: NDArray[np.float64]
    bias: NDArray[np.float64]
    logits: NDArray[np.float64]


def shares(filters: int = 15, remainder: float = 0.0, seed: int = 0) -> Shares:
    """Shares of four logits, of which that of cat is the highest and that of ant the second, which has the remainder.

    In two digits the logits of cat and ant are 9.01 and 8.00, while their difference is 1.002.
    """
    random = np.random.default_rng(seed)
    parts = random.normal(size=(filters, 3, 2, 4))
    logits = np.array([8.004, 0.004, 9.006, 0])
    bias = logits - parts.sum(axis=(0, 1, 2))
    return Shares(parts.sum(axis=0), parts.sum(axis=(1, 2)), bias, logits + np.array([remainder, 0, 0, 0]))


def places(given: Shares, label: int, image: NDArray[np.uint8] = IMAGE) -> Figure:
    return evidence.draw_places(image, given.by_place, given.bias, given.logits, label, NAMES, (1.5, 2))


def filters(given: Shares, label: int, kernels: list[NDArray[np.float64]] | None = None) -> Figure:
    return evidence.draw_filters(given.by_filter, given.bias, given.logits, label, NAMES, kernels)


def number(text: str) -> Decimal:
    return Decimal(text.replace("\N{MINUS SIGN}", "-"))


def sum_under(axes: Axes) -> list[str]:
    """The texts under a panel."""
    (box,) = [artist for artist in axes.artists if isinstance(artist, AnchoredOffsetbox)]
    return [part.get_text() for part in box.findobj(TextArea)]


def table_of(figure: Figure) -> dict[str, list[str]]:
    """The texts of the rows of the table of filters, by their first."""
    (axes,) = figure.axes
    rows = defaultdict(list)
    for text in sorted(axes.texts, key=lambda text: (text.get_position()[1], text.get_position()[0])):
        rows[text.get_position()[1]].append(text.get_text())
    return {name: numbers for height, (name, *numbers) in rows.items() if height > 0.5 * evidence.ROW}


@pytest.mark.parametrize(("label", "rivals"), [(2, (2, 0)), (0, (2, 0)), (1, (2, 1))])
def test_a_right_answer_is_told_from_the_runner_up_and_a_wrong_one_from_the_true_class(label, rivals):
    assert evidence.rivals(np.array([8.0, 0, 9, 0]), label) == rivals


@pytest.mark.parametrize(("label", "other", "role"), [(2, 0, "the runner-up"), (1, 1, "the true class")])
def test_the_maps_are_the_two_classes_and_their_difference_on_one_scale_around_zero(label, other, role):
    given = shares()
    picture, *maps = mosaics_of(places(given, label))[:4]
    np.testing.assert_array_equal(picture.images[0].get_array(), IMAGE)
    titles = ["what spoke for cat,\nthe answer", f"what spoke for {NAMES[other]},\n{role}"]
    assert [axes.get_title() for axes in maps] == [*titles, f"what spoke for cat\nrather than {NAMES[other]}"]
    answer, rival = given.by_place[..., 2], given.by_place[..., other]
    highest = max(np.abs(one).max() for one in (answer, rival, answer - rival))
    for axes, expected in zip(maps, (answer, rival, answer - rival), strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), expected)
        assert axes.images[0].get_clim() == pytest.approx((-highest, highest))


def test_a_map_lies_over_the_pixels_that_its_places_see_the_middles_of():
    for axes in mosaics_of(places(shares(), 2))[1:4]:
        assert axes.images[0].get_extent() == [0.5, 4.5, 6.5, 0.5]  # 3 by 2 places, the first one's middle at 1.5
        assert axes.get_xlim() == (-0.5, 6.5)
        assert axes.get_ylim() == (8.5, -0.5)


@pytest.mark.parametrize("label", [2, 1])
@pytest.mark.parametrize("remainder", [0.0, 0.25])
@pytest.mark.parametrize("seed", range(5))
def test_what_stands_under_a_map_adds_up_to_its_logit_as_written(label, remainder, seed):
    given = shares(remainder=remainder, seed=seed)
    picture, *maps = mosaics_of(places(given, label))[:4]
    assert sum_under(picture) == ["for", "+ against", "+ bias", *["+ remainder"] * bool(remainder), "= logit"]
    totals = []
    for axes in maps:
        *parts, total = sum_under(axes)
        totals.append(number(total.removeprefix("= ")))
        assert sum(map(number, parts)) == totals[-1]
        drawn = np.asarray(axes.images[0].get_array())
        assert float(number(parts[0])) == pytest.approx(drawn[drawn > 0].sum(), abs=0.02)
        assert float(number(parts[1])) == pytest.approx(drawn[drawn < 0].sum(), abs=0.01)
    other = 0 if label == 2 else label
    assert [float(total) for total in totals[:2]] == pytest.approx(given.logits[[2, other]], abs=0.005)
    assert totals[0] - totals[1] == totals[2]


@pytest.mark.parametrize(
    "image",
    [np.zeros((9, 7), np.uint8), np.full((9, 7), 255, np.uint8), IMAGE[:1], IMAGE[:, :1]],
    ids=["black", "white", "a row", "a column"],
)
def test_an_image_without_an_outline_is_drawn_without_one(image):
    figure = places(shares(), 2, image)
    assert not any(axes.collections for axes in mosaics_of(figure)[:4])
    assert style.encode(figure, "png")


def test_no_evidence_at_all_is_drawn_too():
    nothing = Shares(np.zeros((3, 2, 4)), np.zeros((5, 4)), np.zeros(4), np.zeros(4))
    for figure in (places(nothing, 2), filters(nothing, 2, [np.zeros((3, 3))] * 5)):
        assert style.encode(figure, "png")


@pytest.mark.parametrize(("count", "label"), [(1, 2), (10, 2), (11, 1), (40, 1)])
@pytest.mark.parametrize("remainder", [0.0, 0.25])
def test_every_column_of_the_table_adds_up_to_its_logit_as_written(count, label, remainder):
    given = shares(count, remainder)
    table = table_of(filters(given, label))
    logit = table.pop("logit")
    for column, total in zip(zip(*table.values(), strict=True), logit, strict=True):
        assert sum(map(number, column)) == number(total)
    for one, other, difference in table.values():
        assert number(one) - number(other) == number(difference)
    rival = 0 if label == 2 else label
    assert [float(number(total)) for total in logit[:2]] == pytest.approx(given.logits[[2, rival]], abs=0.005)


@pytest.mark.parametrize(
    ("count", "remainder", "left"), [(10, 0.0, []), (11, 0.0, ["the other 1"]), (32, 0.25, ["the other 22"])]
)
def test_the_table_shows_the_ten_filters_that_differ_most_from_those_for_the_answer_down(count, remainder, left):
    given = shares(count, remainder)
    table = table_of(filters(given, 2))
    difference = given.by_filter[:, 2] - given.by_filter[:, 0]
    shown = [int(name.removeprefix("filter ")) for name in table if name.startswith("filter")]
    assert list(table)[len(shown) :] == [*left, "bias", *["remainder"] * bool(remainder), "logit"]
    assert sorted(shown) == sorted(np.argsort(-np.abs(difference))[:10])
    assert [difference[number] for number in shown] == sorted(difference[shown], reverse=True)
    for number_of in shown:
        for text, share in zip(table[f"filter {number_of}"], given.by_filter[number_of, [2, 0]], strict=False):
            assert float(number(text)) == pytest.approx(share, abs=0.01)


def test_a_share_is_rounded_up_before_one_with_less_beyond_its_second_digit_is():
    given = shares(8)
    written = {name: row[0] for name, row in table_of(filters(given, 2)).items()}
    exact = {f"filter {place}": share[2] for place, share in enumerate(given.by_filter)} | {"bias": given.bias[2]}
    beyond = {name: 100 * share % 1 for name, share in exact.items()}
    up = [beyond[name] for name in exact if float(number(written[name])) > exact[name]]
    down = [beyond[name] for name in exact if float(number(written[name])) < exact[name]]
    assert len(up) + len(down) == 9
    assert min(up) > max(down)


def test_a_bar_is_as_long_as_its_filter_differs_and_lies_on_the_side_of_the_class_it_spoke_for():
    given = shares(8)
    figure = filters(given, 2)
    (bars,) = figure.axes[0].containers
    widths = np.array([bar.get_width() for bar in bars])
    differences = [float(number(row[-1])) for row in list(table_of(figure).values())[:8]]
    np.testing.assert_allclose(widths / widths[0], np.array(differences) / differences[0])
    assert {bar.get_facecolor() for bar in bars if bar.get_width() > 0}.isdisjoint(
        bar.get_facecolor() for bar in bars if bar.get_width() < 0
    )


def test_beside_each_filter_stands_its_own_kernel_on_the_scale_of_them_all():
    kernels = list(np.random.default_rng(1).normal(size=(15, 3, 3)))
    figure = filters(shares(15), 2, kernels)
    shown = [int(name.removeprefix("filter ")) for name in table_of(figure) if name.startswith("filter")]
    highest = np.abs(kernels).max()
    (axes,) = figure.axes
    for drawn, number_of in zip(axes.images, shown, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), kernels[number_of])
        assert drawn.get_clim() == (-highest, highest)


@pytest.mark.parametrize("label", [2, 1])
def test_nothing_in_the_table_is_written_over_something_else(label):
    figure = evidence.draw_filters(
        *shares(15)[1:], label, ["Ankle boot!", "Pullover ab", "T-shirt/top", "Sneakers ab"], [np.eye(3)] * 15
    )
    style.encode(figure, "png")
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    inside = figure.bbox
    for place, box in enumerate(boxes):
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
