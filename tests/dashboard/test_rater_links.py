"""Raters who come by a link: one study, one name, no navigation, nobody else."""

import json

import pytest
import streamlit as st
from playwright.sync_api import expect

from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.schema import KEYS, Category
from analysis.store import Cache
from analysis.store.protocol import Protocol
from dashboard import permissions
from dashboard.annotate import asking
from dashboard.context import Context
from dashboard.selection import Selection
from tests.dashboard.conftest import free_port, serving
from tests.dashboard.test_annotate import VARIANT, press, rate_all, shown, words
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.synthetic import make_sweep

OWN = (Category("good", "Good", ""), Category("bad", "Bad", "Not good"))


@pytest.fixture
def folder(tmp_path):
    return make_sweep(tmp_path)


def begun(folder, protocol=None, practice=0):
    return start_study(
        SweepResults(folder), VARIANT, size=20, seed=1, protocol=protocol, practice=practice
    )


def part(app, name):
    (chosen,) = (one for one in app.get("button_group") if one.key == "annotate-part")
    return chosen.set_value(name).run()


# --- without a browser --------------------------------------------------------------------------
def test_a_link_leads_to_the_images_and_to_nobody_else(folder, open_page):
    name = begun(folder)
    rate_all(folder, name, "Somebody Else")
    token = folder.annotations.invite(name, "Ann")
    app = open_page("annotate", sweep="made", rater=token)
    assert app.title[0].value == "Image study"
    assert shown(app)["isAlone"]
    text = words(app) + told(app) + json.dumps([one.label for one in app.button])
    assert "Somebody" not in text
    assert not app.get("page_link")
    assert not app.selectbox
    assert not app.get("button_group")
    assert not app.get("plotly_chart")
    assert not app.text_input


@pytest.mark.parametrize("page", ["", "gallery", "export"])
def test_no_page_is_shown_beside_a_link(folder, open_page, page):
    token = folder.annotations.invite(begun(folder), "Ann")
    app = open_page(page, sweep="made", rater=token)
    assert app.title[0].value == "Image study"
    assert shown(app)["total"]


def test_a_link_of_nobody_tells_nothing_of_the_cache(folder, open_page):
    begun(folder)
    for sweep in ("made", "no-such-sweep"):
        app = open_page("annotate", sweep=sweep, rater="guessed")
        assert "leads to no study" in told(app)
        assert str(folder.path) not in told(app) + words(app)
        assert not app.get("bidi_component")


def test_a_withdrawn_link_leads_nowhere_and_takes_no_more_answers(folder, open_page):
    name = begun(folder)
    token = folder.annotations.invite(name, "Ann")
    app = open_page("annotate", sweep="made", rater=token)
    assert shown(app)["total"]
    press(part(open_page("annotate", sweep="made"), "Links"), "Withdraw")
    assert folder.annotations.read(name).invitations == {}
    study = folder.annotations.read(name)
    sent = shown(app)
    action = {"sequence": 1, "type": "rate", "image": study.images[0], "category": KEYS[0]}
    act = {"who": sent["who"], "token": "t", "actions": [action]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking.state, "event", lambda *_: act)
        opened = SweepResults(folder)
        asking._act(
            Context(opened, Selection(sweep="made"), None, ()), name, "Ann", sent["who"], token
        )
    assert folder.annotations.read(name).answers("Ann") == {}
    again = open_page("annotate", sweep="made", rater=token)
    assert "leads to no study" in told(again)
    assert folder.annotations.invite(name, "Ann") != token


def test_a_link_stays_good_when_its_sweep_is_renamed(folder, open_page):
    token = folder.annotations.invite(begun(folder), "Ann")
    make_sweep(folder.path.parent, "another")
    Cache(folder.path.parent).rename("made", "renamed")
    assert shown(open_page("annotate", sweep="made", rater=token))["total"]


def test_failures_are_told_to_raters_without_paths_or_commands(folder, open_page):
    token = folder.annotations.invite(begun(folder), "Ann")
    (folder.path / "images.parquet").unlink()
    st.cache_resource.clear()
    app = open_page("annotate", sweep="made", rater=token)
    assert "cannot be shown at the moment" in told(app)
    assert "parquet" not in told(app)


def test_a_read_only_dashboard_takes_no_answers_by_link(folder, open_page, monkeypatch):
    token = folder.annotations.invite(begun(folder), "Ann")
    monkeypatch.setattr(permissions, "is_read_only", lambda: True)
    app = open_page("annotate", sweep="made", rater=token)
    assert "takes no answers" in told(app)
    assert not app.get("bidi_component")


def test_consent_comes_before_the_first_image_and_is_written_down(folder, open_page):
    name = begun(folder, Protocol("Look <b>well</b>", "I may stop", OWN), practice=2)
    token = folder.annotations.invite(name, "Ann")
    app = open_page("annotate", sweep="made", rater=token)
    bodies = " ".join(one.proto.body for one in app.main.get("html"))
    assert "Look &lt;b&gt;well&lt;/b&gt;" in bodies
    assert "I may stop" in bodies
    assert not app.get("bidi_component")
    (begin,) = (one for one in app.button if one.label == "Begin")
    assert begin.disabled
    app.checkbox(key="annotate-agrees").check().run()
    press(app, "Begin")
    assert list(folder.annotations.read(name).consents) == ["Ann"]
    sent = shown(app)
    assert (sent["isPractice"], sent["done"], sent["total"]) == (True, 0, 2)
    assert [one["key"] for one in sent["categories"]] == ["good", "bad"]
    # Loaded again: it goes on where it was.
    assert shown(open_page("annotate", sweep="made", rater=token))["isPractice"]


def test_after_practice_come_the_images_that_count(folder, open_page):
    name = begun(folder, practice=2)
    token = folder.annotations.invite(name, "Ann")
    study = folder.annotations.read(name)
    for image in study.design.protocol.practice:
        folder.annotations.annotate(name, "Ann", image, KEYS[0])
    sent = shown(open_page("annotate", sweep="made", rater=token))
    assert (sent["isPractice"], sent["done"], sent["total"]) == (False, 0, len(study.images))
    assert not {one["id"] for one in sent["upcoming"]} & set(study.design.protocol.practice)


def test_links_are_made_and_listed_with_how_far_each_is(folder, open_page):
    name = begun(folder)
    app = part(open_page("annotate"), "Links")
    app.text_area(key="annotate-invited").set_value("Ann\n\n Bo \nAnn")
    press(app, "Make links")
    study = folder.annotations.read(name)
    assert list(study.invitations) == ["Ann", "Bo"]
    table = app.dataframe[0].value
    assert table["Rater"].tolist() == ["Ann", "Bo"]
    for rater, link in zip(table["Rater"], table["Link"], strict=True):
        assert link.endswith(f"/annotate?sweep=made&rater={study.invitations[rater]}")


def test_a_study_is_started_with_texts_categories_and_practice(folder, open_page):
    app = open_page("annotate")
    app.text_area(key="study-instructions").set_value("Look")
    app.text_area(key="study-consent").set_value("Agreed?")
    app.text_area(key="study-categories").set_value("good = Good\nbad = Bad | Not good")
    app.number_input(key="study-practice").set_value(4).run()
    press(app, "Start the study")
    protocol = folder.annotations.read("study-1").design.protocol
    assert (protocol.instructions, protocol.consent) == ("Look", "Agreed?")
    assert tuple(protocol.categories) == OWN
    assert len(protocol.practice) == 4


def test_a_category_that_cannot_be_is_told_and_no_study_is_started(folder, open_page):
    app = open_page("annotate")
    app.text_area(key="study-categories").set_value("good")
    press(app, "Start the study")
    assert "expected KEY = NAME" in told(app).replace("\\", "")
    assert folder.annotations.names() == []
    assert app.text_area(key="study-categories").value == "good"


def test_the_majorities_become_metadata_by_a_button(folder, open_page):
    name = begun(folder, Protocol(categories=OWN))
    for i, image in enumerate(folder.annotations.read(name).images):
        folder.annotations.annotate(name, "Ann", image, OWN[i % 2].key)
    app = part(open_page("annotate"), "Results")
    press(app, "Show results (unblinds)")
    press(app, "Use the majorities as metadata")
    assert "Joined meta_human" in words(app)
    images = Cache(folder.path.parent).sweep("made").read_images().to_pandas()
    answers = {i: a.category for i, a in folder.annotations.read(name).answers("Ann").items()}
    assert images.set_index("image_id")["meta_human"].dropna().to_dict() == answers
    # Once more, after an answer has changed: it is replaced.
    first = next(iter(answers))
    other = "good" if answers[first] == "bad" else "bad"
    folder.annotations.annotate(name, "Ann", first, other)
    press(app, "Use the majorities as metadata")
    images = Cache(folder.path.parent).sweep("made").read_images().to_pandas()
    assert images.set_index("image_id")["meta_human"][first] == other


# --- in a browser -------------------------------------------------------------------------------
IMAGE = "[data-testid=annotate-image]"


def saved(page, text):
    expect(page.get_by_test_id("annotate-progress")).to_contain_text(text)
    expect(page.get_by_test_id("annotate-saved")).to_have_text("all saved")


def test_practice_comment_zoom_and_a_reload_in_a_browser(folder, page):
    name = begun(folder, Protocol(instructions="Look well", categories=OWN), practice=1)
    token = folder.annotations.invite(name, "Ann")
    with serving(folder.path.parent, free_port()) as (address, _):
        page.goto(f"{address}/annotate?sweep=made&rater={token}")
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_test_id("annotate-practice")).to_be_visible()
        expect(page.get_by_test_id("stTopNavLink")).to_have_count(0)
        assert page.get_by_test_id("stSidebarNav").count() == 0
        practice = page.get_attribute(IMAGE, "data-image-id")
        page.keyboard.press("1")
        saved(page, "0 of ")
        expect(page.get_by_test_id("annotate-practice")).to_have_count(0)
        first = page.get_attribute(IMAGE, "data-image-id")
        assert first != practice
        wide = page.locator(IMAGE).bounding_box()["width"]
        page.keyboard.press("z")
        expect(page.get_by_test_id("annotate-zoom")).to_contain_text("×2")
        assert page.locator(IMAGE).bounding_box()["width"] > 1.5 * wide
        page.keyboard.press("z")
        page.keyboard.press("z")
        assert page.locator(IMAGE).bounding_box()["width"] == pytest.approx(wide, abs=2)
        page.keyboard.press("c")
        page.keyboard.type("1 of 2, see left")
        assert page.get_attribute(IMAGE, "data-image-id") == first, "typing is no answer"
        page.keyboard.press("Enter")
        page.keyboard.press("2")
        saved(page, "1 of ")
        assert page.get_by_test_id("annotate-comment").input_value() == ""
        page.reload()
        page.wait_for_selector(IMAGE)
        saved(page, "1 of ")
    (answer,) = folder.annotations.read(name).answers("Ann").values()
    assert (answer.image_id, answer.category) == (int(first), "bad")
    assert answer.comment == "1 of 2, see left"
