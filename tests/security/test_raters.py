"""Studies whose every text means harm, as raters see them who come by a link."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.store.protocol import Protocol
from tests.dashboard.browsing import settled
from tests.dashboard.conftest import browser, chromium, context, free_port, page, serving  # noqa: F401
from tests.security.hostile import CATEGORIES, STRINGS, TEXTS, VARIANT
from tests.security.test_browser import check, see
from tests.synthetic import make_sweep

SEEN = [text for text in TEXTS if text.replace("\n", "").isprintable() and len(text) < 500]
NAME = STRINGS["svg"]


@pytest.fixture
def study(tmp_path):
    folder = make_sweep(tmp_path, n_images=300, seeds=4, class_names=TEXTS)
    protocol = Protocol("\n".join(SEEN), "\n".join(reversed(SEEN)), CATEGORIES)
    name = start_study(
        SweepResults(folder), VARIANT, size=20, seed=1, protocol=protocol, practice=2
    )
    return folder, name, folder.annotations.invite(name, NAME)


def test_no_text_of_a_study_is_markup_for_its_raters(study, page):  # noqa: F811
    folder, name, token = study
    with serving(folder.path.parent, free_port()) as (address, _):
        page.goto(f"{address}/annotate?sweep=made&rater={token}")
        for text in SEEN:
            see(page, text)
        check(page)
        page.get_by_text("I have read this").click()
        page.get_by_role("button", name="Begin").click()
        page.wait_for_selector("[data-testid=annotate-image]")
        for one in CATEGORIES:
            see(page, one.name)
        check(page)
        page.keyboard.press("c")
        page.keyboard.type(STRINGS["image"])
        page.keyboard.press("Enter")
        page.keyboard.press("1")
        expect(page.get_by_test_id("annotate-progress")).to_contain_text("1 of 2")
        expect(page.get_by_test_id("annotate-saved")).to_have_text("all saved")
        check(page)
        (answer,) = folder.annotations.read(name).practice_of(NAME).values()
        assert answer.comment == STRINGS["image"]


def test_the_page_of_links_shows_names_as_they_are(study, page):  # noqa: F811
    folder, name, _ = study
    for text in TEXTS:
        if len(text) <= 60 and text.isprintable():
            folder.annotations.invite(name, text)
    with serving(folder.path.parent, free_port()) as (address, _):
        page.goto(f"{address}/annotate?sweep=made")
        page.locator(".st-key-annotate-part button", has_text="Links").click()
        page.get_by_role("button", name="Make links").wait_for()
        check(page)
        page.get_by_role("button", name="Withdraw").click()
        settled(page)
        check(page)
        page.locator(".st-key-annotate-withdraw input").click()
        page.get_by_role("option").first.wait_for()
        check(page)


@pytest.mark.parametrize("token", [STRINGS["script"], STRINGS["image"], STRINGS["up"], "", "x" * 9])
def test_a_hostile_token_leads_nowhere(study, page, token):  # noqa: F811
    folder, *_ = study
    with serving(folder.path.parent, free_port()) as (address, _):
        page.goto(f"{address}/annotate?sweep=made&rater={quote(token, safe='')}")
        see(page, "This link leads to no study")
        check(page)


def test_categories_of_a_file_that_no_form_accepts_make_the_study_unreadable(study):
    folder, name, _ = study
    long = replace(CATEGORIES[0], name="x" * 61)
    protocol = Protocol(categories=(long, CATEGORIES[1]))
    design = replace(folder.annotations.read(name).design, protocol=protocol)
    folder.annotations.start(design)
    assert any("study-2" in one for one in folder.verify())
