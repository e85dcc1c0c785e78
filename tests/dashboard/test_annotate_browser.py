"""The human study in a browser: by keys, undone, after a reload, after a kill of the server."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.schema import KEYS
from tests.dashboard.conftest import HOSTILE, free_port, serving
from tests.synthetic import make_sweep

IMAGE = "[data-testid=annotate-image]"


@pytest.fixture
def folder(tmp_path):
    made = make_sweep(tmp_path, n_images=300, seeds=4, class_names=HOSTILE)
    start_study(SweepResults(made), "magnitude-0.90", size=20, seed=3)
    return made


def begin(page, address, name="Ann"):
    page.goto(f"{address}/annotate")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector(IMAGE)


def image(page):
    return int(page.get_attribute(IMAGE, "data-image-id"))


def saved(page, n):
    expect(page.get_by_test_id("annotate-progress")).to_contain_text(f"{n} of ", timeout=30_000)
    expect(page.get_by_test_id("annotate-saved")).to_have_text("all saved", timeout=30_000)


def given(folder, rater="Ann"):
    answers = folder.annotations.read("study-1").answers(rater)
    return {image: one.category for image, one in answers.items()}


def test_answers_by_key_survive_an_undo_a_reload_and_a_kill_of_the_server(folder, page):
    port = free_port()
    expected = {}
    with serving(folder.path.parent, port) as (address, server):
        begin(page, address)
        for key in "135":
            before = image(page)
            expected[before] = KEYS[int(key) - 1]
            page.keyboard.press(key)
            expect(page.locator(IMAGE)).not_to_have_attribute("data-image-id", str(before))
        saved(page, 3)
        assert given(folder) == expected
        page.keyboard.press("u")
        saved(page, 2)
        undone = list(expected)[-1]
        assert image(page) == undone
        page.keyboard.press("8")
        saved(page, 3)
        expected[undone] = "none"
        page.get_by_test_id("annotate-atypical").click()
        saved(page, 4)
        assert list(given(folder).values()) == [*expected.values(), "atypical"]
        page.reload()
        begin(page, address)
        saved(page, 4)
        following = image(page)
        server.kill()
        server.wait(20)
    assert len(given(folder)) == 4
    with serving(folder.path.parent, port) as (address, _):
        begin(page, address, "ann")
        saved(page, 4)
        assert image(page) == following
        assert folder.verify() == []
    assert page.dialogs == []
    assert page.evaluate("window.struck") is None


def test_keys_pressed_faster_than_the_server_answers_are_all_saved(folder, page):
    with serving(folder.path.parent, free_port()) as (address, _):
        begin(page, address)
        later = image(page)
        page.keyboard.press("s")
        expect(page.locator(IMAGE)).not_to_have_attribute("data-image-id", str(later))
        for key in "12345":
            page.keyboard.press(key)
        saved(page, 5)
        assert list(given(folder).values()) == list(KEYS[:5])
        assert later not in given(folder)
        total = len(folder.annotations.read("study-1").images)
        for done in range(6, total + 1):
            page.keyboard.press("8")
            expect(page.get_by_test_id("annotate-progress")).to_contain_text(f"{done} of ")
            if done < total:
                page.wait_for_selector(IMAGE)
        expect(page.get_by_test_id("annotate-done")).to_be_visible()
        saved(page, total)
        assert list(given(folder))[-1] == later, "what was left for later comes last"
        page.keyboard.press("Backspace")
        saved(page, total - 1)
        assert image(page) == later


def test_the_page_can_be_used_without_a_mouse_and_shows_its_keys(folder, page):
    with serving(folder.path.parent, free_port()) as (address, _):
        begin(page, address)
        assert page.get_by_test_id("annotate-keys").count() == 0
        page.keyboard.press("?")
        expect(page.get_by_test_id("annotate-keys")).to_contain_text("take the last answer back")
        first = image(page)
        page.get_by_test_id("annotate-fine-grained").focus()
        page.keyboard.press("Enter")
        saved(page, 1)
        assert given(folder) == {first: "fine-grained"}
        assert page.get_attribute(IMAGE, "alt").startswith("Image to judge, labelled ")
        # Nothing but picture and label: no class a model says, no group.
        text = page.inner_text(".lethe-asking").lower()
        assert "pie" not in text
        assert "magnitude" not in text


def test_every_answer_downloads_as_csv(folder, page):
    kept = folder.annotations
    for image in kept.read("study-1").images:
        kept.annotate("study-1", "=1+1", image, "none")
    with serving(folder.path.parent, free_port()) as (address, _):
        page.goto(f"{address}/annotate")
        page.get_by_label("Your name").fill("=1+1")
        page.get_by_role("button", name="Begin").click()
        page.get_by_test_id("annotate-done").wait_for()
        page.get_by_text("Results", exact=True).first.click()
        button = page.get_by_role("button", name="Every answer (CSV)")
        with page.expect_download(timeout=60_000) as waiting:
            button.click()
        lines = Path(waiting.value.path()).read_text().splitlines()
    assert waiting.value.suggested_filename == "made-study-1-answers.csv"
    assert lines[0] == "study,variant_id,image_id,label,group,rater,category,time,comment"
    assert len(lines) == 1 + len(kept.read("study-1").images)
    assert all(",'=1+1,none," in line for line in lines[1:])
