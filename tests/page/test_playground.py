"""The page on which one draws computes what Keras computes, and loads nothing."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page
from support import photographed
from support.browser import needs_browser, opened
from support.clones import SETTINGS
from support.networks import IMAGES, SIZE
from support.playgrounds import ANSWERS, CLASSES, PROBABILITIES, network_of, page_of
from support.settings import drawn, fit_together

from pipeline.config.sections import Model
from pipeline.network.evidence import evidence
from pipeline.network.geometry import shape_check
from pipeline.page.playground import images_text
from pipeline.sources import centred, photos
from pipeline.sources.strokes import Stroke, canvas_size
from pipeline.sources.strokes import drawn as drawn_ink


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def browser(messages: list[str]) -> Iterator[Page]:
    """A page without a network whose messages are kept."""
    with opened("about:blank", offline=True) as page:
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        yield page


def small_networks() -> st.SearchStrategy[Model]:
    """Networks of all kinds that take images of this size."""
    few = st.integers(1, 4)
    return (
        drawn(
            Model,
            filters=st.lists(few, max_size=3).map(tuple),
            kernel_size=st.integers(1, 4),
            pool_size=st.integers(1, 3),
            dense=st.lists(few, max_size=2).map(tuple),
            augment_shift=st.just(0.0),
            augment_rotation=st.just(0.0),
        )
        .map(fit_together)
        .map(lambda tree: Model.model_validate(tree))
        .filter(lambda model: shape_check(model, *SIZE) is None)
    )


@needs_browser
@pytest.mark.slow
def test_any_network_that_settings_make_answers_on_the_page_as_keras_does(
    browser: Page, tmp_path: Path, messages: list[str]
) -> None:
    tried = []

    @seed(0)
    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(small_networks())
    def answers_alike(model: Model) -> None:
        tried.append(model)
        network = network_of(model, np.random.default_rng(len(tried)))
        many = np.random.default_rng(len(tried)).integers(0, 256, (500, *SIZE), np.uint8)
        (tmp_path / "page.html").write_text(page_of(network, model), encoding="utf-8")
        browser.goto((tmp_path / "page.html").as_uri())
        told: list[dict[str, Any]] = browser.evaluate(ANSWERS, IMAGES.reshape(len(IMAGES), -1).tolist())
        told_of_many = browser.evaluate(PROBABILITIES, many.reshape(len(many), -1).tolist())
        np.testing.assert_allclose(told_of_many, network(many, training=False), atol=1e-5)
        expected = evidence(network, IMAGES)
        logits = np.array([one["logits"] for one in told])
        np.testing.assert_allclose(logits, expected.logits, rtol=1e-5, atol=1e-4)
        shares = np.array([one["shares"] for one in told]).reshape(len(IMAGES), len(CLASSES), *told[0]["shape"])
        bias = np.array([one["bias"] for one in told])
        remainder = np.array([one["remainder"] for one in told])
        np.testing.assert_allclose(shares.sum(axis=(2, 3, 4)) + bias + remainder, logits, atol=1e-9)
        np.testing.assert_allclose(shares.sum(axis=(2, 3)).swapaxes(1, 2), expected.by_filter, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(np.moveaxis(shares.sum(axis=4), 1, 3), expected.by_place, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(bias, expected.bias, rtol=1e-4, atol=1e-4)

    answers_alike()
    assert len(tried) >= 10
    assert messages == []


def test_images_come_back_from_what_the_page_holds_of_them() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 30, 40), np.uint8) * (random.random((3, 30, 40)) < 0.2).astype(np.uint8)
    images[1] = 0
    packed, found = iter(base64.b64decode(images_text(images))), []
    for value in packed:
        found += [value] if value else [0] * next(packed)
    assert bytes(found) == images.tobytes()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page of a network that takes digits as MNIST has them."""
    images = np.pad(IMAGES, ((0, 0), (8, 8), (9, 9)))
    network = network_of(SETTINGS.model, np.random.default_rng(0), images.shape[1:])
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(page_of(network, SETTINGS.model, images), encoding="utf-8")
    return path.as_uri()


IMAGE = "() => Array.from(convscope.networkImage(convscope.canvasInk()).image)"
STROKES = "() => convscope.state.strokes"
# a seven with a bar, in shares of the board
SEVEN = [[(0.3, 0.2), (0.5, 0.21), (0.72, 0.2), (0.6, 0.45), (0.45, 0.8)], [(0.4, 0.5), (0.65, 0.52)]]


def settle(page: Page) -> None:
    """Wait until the page has shown what it was told."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def opened_picture(page: Page, path: Path) -> str:
    """Open a picture on the page, and return what it says of it."""
    page.evaluate("() => { document.getElementById('message').textContent = ''; }")
    page.set_input_files("#open", path)
    page.wait_for_function("() => document.getElementById('message').textContent")
    settle(page)
    return page.inner_text("#message")


def draw(page: Page, strokes: list[list[tuple[float, float]]] = SEVEN) -> None:
    """Draw with the mouse."""
    box = page.locator("#pad").bounding_box()
    assert box
    for points in strokes:
        for number, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
            if not number:
                page.mouse.down()
        page.mouse.up()
    settle(page)


def by_reference(strokes: list[dict[str, Any]], steps: centred.Steps = centred.ALL) -> NDArray[np.int64]:
    """The network's image of strokes, by the package."""
    size = (28, 28)
    own = [Stroke([(x, y) for x, y in one["points"]], one["radius"], one["erase"]) for one in strokes]
    return centred.centred(drawn_ink(own, canvas_size(size)), size, steps).image.astype(np.int64)


def seen(page: Page) -> NDArray[np.int64]:
    return np.array(page.evaluate(IMAGE)).reshape(28, 28)


@needs_browser
@pytest.mark.slow
def test_what_is_drawn_with_the_mouse_becomes_the_image_that_the_package_makes_of_it(
    browser: Page, digits: str, messages: list[str]
) -> None:
    browser.goto(digits)
    draw(browser)
    browser.click("#tool-eraser")
    draw(browser, [[(0.44, 0.3), (0.5, 0.33), (0.8, 0.3)]])
    strokes = browser.evaluate(STROKES)
    assert [one["erase"] for one in strokes] == [False, False, True]
    for name in ("box", "fit", "mass"):
        expected = by_reference(strokes, centred.Steps(**browser.evaluate("() => convscope.state.steps")))
        assert np.abs(seen(browser) - expected).max() <= 1
        assert expected.any()
        browser.click(f"#{name}")  # one after another is switched off
    assert np.abs(seen(browser) - by_reference(strokes, centred.Steps(False, False, False))).max() <= 1
    assert messages == []


@needs_browser
@pytest.mark.slow
def test_mouse_finger_and_keys_that_make_the_same_stroke_make_the_same_image(digits: str) -> None:
    stroke = [(10 * column, 100) for column in range(8, 20)] + [(190, 10 * row) for row in range(11, 20)]
    found = {}
    with opened(digits, has_touch=True, viewport={"width": 390, "height": 800}) as page:
        box = page.locator("#pad").bounding_box()
        assert box
        places = [(box["x"] + x / 280 * box["width"], box["y"] + y / 280 * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
        found["mouse"] = page.evaluate(STROKES), seen(page)

        page.click("#clear")
        device = page.context.new_cdp_session(page)
        for kind, (x, y) in [("touchStart", places[0]), *(("touchMove", place) for place in places[1:])]:
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert page.evaluate("() => scrollY") == 0
        found["finger"] = page.evaluate(STROKES), seen(page)

        page.click("#clear")
        page.focus("#pad")
        for key in [*["ArrowLeft"] * 6, *["ArrowUp"] * 4, " ", *["ArrowRight"] * 11, *["ArrowDown"] * 9, " "]:
            page.keyboard.press(key)
        found["keys"] = page.evaluate(STROKES), seen(page)
        settle(page)
        assert "The network answers" in page.inner_text("#said")
    for name, (strokes, image) in found.items():
        (drawn_stroke,) = strokes
        assert np.abs(np.array(drawn_stroke["points"]) - stroke).max() <= 1, name
        assert np.abs(image - by_reference(strokes)).max() <= 1, name
    assert np.abs(found["keys"][1] - found["mouse"][1]).max() <= 64  # points may lie a pixel of the canvas apart


@needs_browser
@pytest.mark.slow
def test_the_address_holds_the_drawing_and_what_it_holds_can_be_undone(browser: Page, digits: str) -> None:
    browser.goto(digits)
    draw(browser)
    browser.click("#mass")
    browser.click("#tiles button >> nth=3")
    settle(browser)
    image, address = seen(browser), browser.url
    browser.goto("about:blank")
    browser.goto(address)
    settle(browser)
    assert (seen(browser) == image).all()
    assert browser.evaluate("() => convscope.state.silent") == {"convolution_1": [3]}
    assert not browser.is_checked("#mass")
    browser.click("#clear")
    browser.click("#undo")
    settle(browser)
    assert browser.url == address
    for left in (1, 0):
        browser.click("#undo")
        settle(browser)
        assert len(browser.evaluate(STROKES)) == left
    assert browser.is_disabled("#undo")
    assert not seen(browser).any()


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    "address", ["#s=", "#s=p0b!!", "#s=pzzzzzzzz&t=999&k=12&o=x:1~convolution_1:99.-1.a", "#%", "#t="]
)
def test_an_address_that_somebody_changed_draws_what_can_be_drawn(
    browser: Page, digits: str, messages: list[str], address: str
) -> None:
    browser.goto(digits + address)
    settle(browser)
    assert len(browser.inner_text("#verdict")) > 3
    assert messages == []


@needs_browser
@pytest.mark.slow
def test_a_silenced_filter_is_taken_for_nothing_until_it_is_woken(browser: Page, digits: str) -> None:
    browser.goto(digits + "#t=2")
    before = browser.inner_text("#for-first + figcaption")
    browser.click("#tiles button >> nth=0")
    settle(browser)
    assert browser.inner_text("#for-first + figcaption") != before
    assert "1 silenced" in browser.inner_text("#silenced")
    browser.click("#measure")
    assert "test images" in browser.inner_text("#silenced")
    browser.click("#wake")
    settle(browser)
    assert browser.inner_text("#for-first + figcaption") == before


@needs_browser
@pytest.mark.slow
def test_a_picture_becomes_the_image_that_make_predict_takes_it_for(
    browser: Page, digits: str, tmp_path: Path, messages: list[str]
) -> None:
    size = (28, 28)
    strokes = [Stroke([(80.0, 60.0), (200.0, 64.0), (130.0, 230.0)], 12.0)]
    ink = drawn_ink(strokes, (280, 280)).astype(np.float64)
    sheet = photographed.on_paper(ink.astype(np.uint8))
    cases = {
        "light on dark": ink,
        "a shadow across it": photographed.beside_shadow(sheet),
        "on a table": np.pad(photographed.shaded(sheet), ((60, 60), (90, 0)), constant_values=55),
        "larger than is looked at": np.kron(255 - ink, np.ones((3, 3))),
        "of the network's size": centred.centred(ink.astype(np.uint8), size).image,
    }
    browser.goto(digits)
    for name, values in cases.items():
        path = tmp_path / "picture.png"
        path.write_bytes(photographed.encoded(values))
        assert "Picture taken" in opened_picture(browser, path), name
        grey = photos.read_grey("picture.png", path.read_bytes())
        found = photos.inked(grey, size)
        image = found.ink if found.ready else photos.stretched(centred.centred(found.ink, size).image)
        expected = image.astype(int)
        assert np.abs(seen(browser) - expected).max() <= 1, name
    for content in (b"text", b""):
        (tmp_path / "note.png").write_bytes(content)
        assert "is no picture that this browser reads" in opened_picture(browser, tmp_path / "note.png")
    Image.new("L", (300, 200), 200).save(tmp_path / "empty.png")
    assert "holds no digit" in opened_picture(browser, tmp_path / "empty.png")
    assert np.abs(seen(browser) - expected).max() <= 1, "the picture before stays"
    assert messages == []


@needs_browser
@pytest.mark.slow
def test_the_page_allows_nothing_to_be_loaded_and_nothing_but_its_own_script(digits: str) -> None:
    with opened(digits) as page:
        refused = page.evaluate("""async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "globalThis.ran = true";
            document.body.append(script);
            document.body.append(Object.assign(document.createElement("img"), { src: "https://example.org/a.png" }));
            await fetch("https://example.org/").catch(() => null);
            await new Promise(resolve => setTimeout(resolve, 100));
            return refused;
        }""")
        assert sorted(refused) == ["connect-src", "img-src", "script-src-elem"]
        assert page.evaluate("() => globalThis.ran") is None
    content = Path(digits.removeprefix("file://")).read_text(encoding="utf-8")
    assert "eval(" not in content
    assert not re.findall(r"(?:src|href)=.https?:", content)
