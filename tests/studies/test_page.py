"""The pages of the studies: whole, self-contained, true to the results, readable on a phone."""

import base64
import csv
import io
import re
from functools import cache
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from support import results as synthetic
from support.browser import needs_browser, opened

from pipeline.studies import page, tables

STUDIES = {name: make() for name, make in synthetic.ALL.items()}
PAGES = [*STUDIES, "overview"]


@cache
def rendered(name: str) -> str:
    """The page of a study, or the overview."""
    if name == "overview":
        return page.render_overview(list(STUDIES.values()))
    return page.render_study(STUDIES[name], synthetic.seconds(STUDIES[name]))


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_nothing_but_itself(name):
    shown = Page(rendered(name))
    assert {tag for tag, _ in shown.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "base"})
    assert all(source.startswith("data:image/svg+xml;base64,") for source in shown.values("src"))
    pages = {f"{results.verdicts['study']}.html" for results in STUDIES.values()} if name == "overview" else set()
    assert {
        link for link in shown.values("href") if not link.startswith(("#", "data:text/", "data:application/"))
    } == pages
    assert [word for word in ("http:", "https:", "url(", "@import", "srcset") if word in rendered(name)] == []
    for source in shown.values("src"):
        picture = base64.b64decode(source.partition(",")[2]).decode()
        assert not re.search(r'href="(?!#)|url\((?!#)|<script|<image', picture)


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_words_of_its_own_and_every_inner_link_a_place(name):
    shown = Page(rendered(name))
    words = [attributes["alt"].strip() for tag, attributes in shown.elements if tag == "img"]
    assert all(words)
    assert len(set(words)) == len(words)
    places = shown.values("id")
    assert len(places) == len(set(places))
    assert {link[1:] for link in shown.values("href") if link.startswith("#")} <= set(places)


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_tells_the_question_the_claim_and_every_deciding_sentence_with_its_word(name):
    study, shown = STUDIES[name].verdicts, Page(rendered(name))
    assert study["question"] in shown.text
    assert (f"The article's claim: {study['claim']}" in shown.text) == (study["claim"] is not None)
    for one in STUDIES[name].decisions:
        assert f"{tables.kind(one['verdict'])} {one['sentence']}" in shown.text
    assert shown.values("class").count("verdicts") == bool(study["verdicts"])
    assert "nan" not in shown.text.split()
    assert "None" not in shown.text


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_a_verdict_line_is_in_the_results(name):
    lines = re.findall(r'<li class="verdict \w+"><b>.*?</b> (.*?)</li>', rendered(name))
    chosen = STUDIES.values() if name == "overview" else [STUDIES[name]]
    sentences = [one["sentence"] for results in chosen for one in results.decisions]
    numbers = [re.findall(r"[-+]?\d[\d.]*", sentence) for sentence in sentences]
    assert [re.findall(r"[-+]?\d[\d.]*", unescape(line)) for line in lines] == numbers


def test_failed_trials_are_told_with_their_reason():
    text = Page(rendered("kernels")).text
    assert "90 trials, 1 of them failed." in text
    assert "A trial that failed has no numbers" in text
    assert "the loss is not a number after epoch 2" in text
    assert "1 of its trials failed" in text
    assert "none failed" in Page(rendered("dropout")).text


def test_where_the_machine_has_no_seconds_the_page_says_so_and_draws_none():
    results = STUDIES["dropout"]
    without = Page(page.render_study(results, None))
    assert "is not known on this machine" in without.text
    assert len(without.values("src")) == len(Page(rendered("dropout")).values("src")) - 1
    assert "is not known on this machine" not in Page(rendered("dropout")).text


def test_a_study_shows_the_pictures_that_it_has():
    assert {name: len(Page(rendered(name)).values("src")) for name in PAGES} == {
        **{"dropout": 4, "kernels": 4, "data": 5},  # forest, slopes, seconds, curves; by the setting
        **{"null": 2, "article": 2, "overview": 1},
    }


def test_every_published_value_has_its_row_among_the_seeds():
    text = Page(rendered("article")).text
    for one in STUDIES["article"].verdicts["reference"]:
        assert tables.level(one["published"], one["measure"]) in text
    assert text.count("17 of 20") == 13
    assert "12 of 13 published values lie where one more run would" in Page(rendered("overview")).text


@pytest.mark.parametrize("name", STUDIES)
def test_the_links_take_away_the_tables_of_the_page(name):
    links = [attributes for _, attributes in Page(rendered(name)).elements if "download" in attributes]
    files = {link["download"]: base64.b64decode(link["href"].partition(",")[2]).decode() for link in links}
    assert len(files) == len(links)
    for kind, table in {
        "arms": tables.arm_table,
        "trials": tables.trial_table,
        "verdicts": tables.verdict_table,
    }.items():
        cells = table(STUDIES[name]).to_numpy().tolist()
        if cells:
            stem = f"{STUDIES[name].verdicts['study']}-{kind}"
            assert {f"{stem}.csv", f"{stem}.md", f"{stem}.tex"} <= files.keys()
            assert list(csv.reader(io.StringIO(files[f"{stem}.csv"])))[1:] == cells


def test_names_are_text_and_never_markup():
    shown = Page(rendered("kernels"))
    assert "a_name & <b>another</b>, 50 % of $x_1$: +0.2" in shown.text
    assert "Kernels & layers <matter> for 100 % of it." in shown.text
    assert "matter" not in {tag for tag, _ in shown.elements}


@pytest.mark.parametrize("name", ["kernels", "article"])
def test_the_same_results_give_the_same_bytes(name, tmp_path):
    synthetic.write(STUDIES[name], tmp_path)
    back = tables.read(tmp_path)
    assert page.render_study(back, synthetic.seconds(back)) == rendered(name)


@pytest.mark.parametrize(
    ("aurocs", "said"),
    [
        ([0.8, 0.85, 0.9, 0.92, 0.95, 0.96], "Yes, it grows with accuracy, as the article expects."),
        ([0.96, 0.95, 0.92, 0.9, 0.85, 0.8], "No, it falls as accuracy grows."),
        ([0.9, 0.8, 0.96, 0.85, 0.95, 0.8], "Cannot tell."),
    ],
)
def test_the_overview_says_of_separation_what_the_arms_say(aurocs, said):
    results = synthetic.study("data", {f"arm {number}": number / 1000 for number in range(5)})
    arms = dict(zip(results.trials["variant"].unique(), aurocs, strict=True))
    results.trials["misclassification_auroc"] = results.trials["variant"].map(arms)
    results.trials["test_accuracy"] = 0.9 + np.arange(len(results.trials)) / 1000
    assert said in Page(page.render_overview([results])).text


def test_the_overview_of_a_study_without_scores_says_that_it_cannot_say():
    results = synthetic.study("dropout")
    results.trials["misclassification_auroc"] = np.nan
    assert "too few different trials to say" in Page(page.render_overview([results])).text


@needs_browser
@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_the_page_itself_does_not_scroll_sideways_and_is_drawn_without_a_network(name, tmp_path):
    (tmp_path / "page.html").write_text(rendered(name), encoding="utf-8")
    with opened((tmp_path / "page.html").as_uri(), offline=True, viewport={"width": 360, "height": 740}) as shown:
        shown.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert shown.evaluate("document.documentElement.scrollWidth") == 360
        assert shown.evaluate("[...document.images].every(one => one.naturalWidth > 300)")
        texts = "[...document.querySelectorAll('p, li, h1, h2, h3, nav')]"
        assert shown.evaluate(f"{texts}.filter(one => one.getBoundingClientRect().right > 360).length") == 0
