"""The page Remedies in a real browser: every button is clicked, every file opened."""

import ast
import csv
import io
import json

import pandas as pd
import pytest
from playwright.sync_api import expect

from analysis import schema
from analysis.results import SweepResults
from analysis.store import Cache
from tests.dashboard.browsing import COUNT, found, painted, query, settled
from tests.dashboard.conftest import free_port, serving
from tests.synthetic import make_sweep, with_map

VARIANT = "magnitude-0.90"
LONG = "a long name, " * 30


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A cache with a sweep of which two groups are said to stand out."""
    root = tmp_path_factory.mktemp("remedies")
    folder = with_map(make_sweep(root, seeds=6))
    row = {
        "variant_id": VARIANT, "slice": "class/0", "name": "ant", "n": 40, "risk_difference": 0.3,
        "low": 0.1, "high": 0.5, "q": 0.01, "split": "test half", "p": 0.001, "contrast": 0.2,
        "contrast_low": 0.1, "contrast_high": 0.3, "contrast_q": 0.02, "measure": "PIE excess",
        "description": "100 % class ant", "typical_images": "1 2", "n_tested": 2,
    }  # fmt: skip
    rows = pd.DataFrame([row, row | {"slice": "class/1", "name": LONG, "description": LONG}])
    cache = SweepResults(Cache(root).existing(folder.name))._slices._variants.cache
    cache.table("slices", VARIANT, lambda: rows[list(schema.SLICES_COLUMNS)], always=True)
    return root


@pytest.fixture(scope="module")
def served(place):
    with serving(place, free_port()) as (address, _):
        yield address


@pytest.fixture
def remedies(page, served):
    page.goto(f"{served}/remedies?sweep=made&variant={VARIANT}")
    page.wait_for_selector("text=Forgotten images for what is saved")
    settled(page)
    return page


def taken(page, button):
    """Click; return the name of the file that comes, and what is in it."""
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def test_what_runs_the_cascade_is_taken_away(remedies):
    button = remedies.get_by_test_id("stDownloadButton").locator("button")
    name, text = taken(remedies, button.filter(has_text="Thresholds (JSON)"))
    assert name == "cascade.json"
    assert json.loads(text)["variant_id"] == VARIANT
    name, text = taken(remedies, button.filter(has_text="Python that runs it"))
    assert name == "cascade.py"
    ast.parse(text)


@pytest.mark.parametrize("figure", ["score-deciles", "cascade"])
def test_every_figure_gives_its_data(remedies, figure):
    remedies.locator(f".st-key-download-{figure} button").click()
    # What the popover holds is drawn beside the page.
    name, text = taken(remedies, remedies.get_by_role("button", name="Table as CSV", exact=True))
    assert name.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["variant_id"] for row in rows} == {VARIANT}
    _, drawn = taken(remedies, remedies.get_by_role("button", name="CSV", exact=True))
    assert len(list(csv.DictReader(io.StringIO(drawn)))) > 1
    _, text = taken(remedies, remedies.get_by_role("button", name="JSON", exact=True))
    assert json.loads(text)["data"]


def test_another_score_is_drawn(remedies):
    remedies.locator(".st-key-filter-score input").click()
    remedies.get_by_role("option", name="atypicality").click()
    expect(remedies.get_by_text("PIE excess by atypicality")).to_be_visible()


def test_a_slice_opens_in_the_gallery(remedies):
    remedies.locator("[class*=st-key-open-class] button").first.click()
    painted(remedies)
    assert query(remedies)["slice"] == ["class/0"]
    assert found(remedies) > 0
    assert "of" in remedies.inner_text(COUNT)


def test_the_most_doubtful_images_come_first(remedies):
    remedies.locator(".st-key-open-forecast button").click()
    painted(remedies)
    assert query(remedies)["sort"] == ["forecast"]


@pytest.mark.parametrize("width", [1440, 900, 390])
def test_long_names_are_cut_and_nothing_is_wider_than_the_screen(remedies, width):
    remedies.set_viewport_size({"width": width, "height": 900})
    settled(remedies)
    assert remedies.evaluate("document.documentElement.scrollWidth") <= width
    lines = remedies.locator(
        "[class*=st-key-slice-class] [data-testid=stMarkdown] p"
    ).all_inner_texts()
    assert [len(line) < 400 for line in lines] == [True] * 2
    assert "…: 40 images" in lines[1]
    for button in remedies.locator("[class*=st-key-open-class] button").all():
        box = button.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
