"""What a first visitor is told: what Lethe is, three ways in, and what its words mean."""

import re
import xml.etree.ElementTree as ET

import pytest

from analysis.presentation.glossary import TERMS, explained
from dashboard import first_visit, pages, permissions
from tests.dashboard.test_pages import ALL_PAGES, APP, open_page  # noqa: F401
from tests.synthetic import make_sweep


def said(app):
    return " ".join(one.value for one in app.markdown)


def ways(app):
    return [one.proto.page for one in app.get("page_link") if "part=" in one.proto.query_string]


def test_a_cache_with_the_demo_alone_says_what_lethe_is_and_three_ways_in(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path, "demo")
    app = open_page()
    assert "what a compressed vision model forgot" in said(app)
    assert "Below is the demo" in said(app)
    assert ways(app) == ["sweeps"] * 3


def test_an_empty_cache_says_it_too_without_a_demo(open_page):  # noqa: F811
    app = open_page()
    assert "what a compressed vision model forgot" in said(app)
    assert "Below is the demo" not in said(app)
    assert len(ways(app)) == 3


def test_whoever_has_a_sweep_of_their_own_is_not_told_again(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path, "demo")
    make_sweep(tmp_path, "mine")
    app = open_page()
    assert "what a compressed vision model forgot" not in said(app)
    assert not ways(app)


def test_where_nothing_can_be_started_the_ways_are_commands(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path, "demo")
    monkeypatch.setattr(permissions, "is_read_only", lambda: True)
    app = open_page()
    assert not ways(app)
    commands = [one.value for one in app.code if "NAME" in one.value]
    assert len(commands) == len(first_visit._WAYS)
    assert all(f"--cache {tmp_path}" in one for one in commands)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_page_explains_its_words_beside_its_heading(open_page, page):  # noqa: F811
    app = open_page(page)
    assert app.title[0].help == pages.words(page or "overview")
    assert "**" in app.title[0].help


def test_an_explanation_is_one_sentence():
    for term, sentence in TERMS.items():
        assert sentence.endswith(".")
        assert ". " not in sentence.replace("et al. ", ""), term
    assert explained("PIE", "q") == f"**PIE**: {TERMS['PIE']}\n\n**q**: {TERMS['q']}"


def test_the_logo_needs_no_font_and_stays_within_its_box():
    logo = ET.parse(APP.replace("app.py", "logo.svg")).getroot()
    tags = {one.tag.rpartition("}")[2] for one in logo.iter()}
    assert tags == {"svg", "g", "path"}
    _, _, width, height = map(float, logo.get("viewBox").split())
    letters = [p.get("d") for g in list(logo)[1:] for p in g]
    assert len(letters) == len("Lethe")
    for path in letters:
        x, y = _points(path)
        assert 0 < min(x) <= max(x) <= width
        assert 0 < min(y) <= max(y) <= height


def _points(path):
    """Absolute places that a path of M, L, H, V, Q and Z names."""
    x, y = [], []
    for command, numbers in re.findall(r"([MLHVQZ])([^MLHVQZ]*)", path):
        values = [float(one) for one in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "H":
            x += values
        elif command == "V":
            y += values
        else:
            x += values[::2]
            y += values[1::2]
    return x, y
