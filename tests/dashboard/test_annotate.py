"""The page of the human study in every state, without a browser."""

import json
import shutil

import pandas as pd
import pyarrow as pa
import pytest

from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.schema import KEYS, PIE
from dashboard import figure_panel, state
from dashboard.annotate import asking
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.synthetic import listed, make_sweep

VARIANT = "magnitude-0.90"


@pytest.fixture
def folder(tmp_path):
    return make_sweep(tmp_path)


@pytest.fixture
def study(folder):
    return start_study(SweepResults(folder), VARIANT, size=20, seed=1)


def press(app, label):
    (button,) = (button for button in app.button if button.label == label)
    return button.click().run()


def begin(app, name="Ann"):
    app.text_input(key="annotate-name").set_value(name)
    return press(app, "Begin")


def shown(app):
    """What the browser is sent."""
    (component,) = galleries(app)
    return json.loads(component.proto.json)


def galleries(app):
    """Components besides the slider of the variant."""
    return [one for one in app.get("bidi_component") if one.key != "sparsity-slider"]


def rate_all(folder, study, *raters):
    kept = folder.annotations
    for number, rater in enumerate(raters):
        for i, image in enumerate(kept.read(study).images):
            kept.annotate(study, rater, image, KEYS[(i + (number and i % 2)) % 8])


def to_results(app):
    (part,) = (one for one in app.get("button_group") if one.key == "annotate-part")
    return part.set_value("Results").run()


def words(app):
    return " ".join(one.value for one in (*app.markdown, *app.caption, *app.info)).replace("\\", "")


# --- before a study -----------------------------------------------------------------------------
def test_without_a_study_the_page_says_what_one_would_hold_and_starts_it(folder, open_page):
    app = open_page("annotate")
    pies = int(SweepResults(folder).images(VARIANT)["is_pie"].sum())
    assert f"all {pies} PIEs of {VARIANT}" in words(app)
    app.number_input(key="annotate-size").set_value(20).run()
    assert f"20 of the {pies} PIEs of {VARIANT}" in words(app)
    press(app, "Start the study")
    design = folder.annotations.read("study-1").design
    assert (design.variant_id, design.size, len(design.groups[PIE])) == (VARIANT, 20, 20)
    assert app.text_input(key="annotate-name").label == "Your name"
    assert not app.error


def test_one_run_a_variant_has_no_aa_pies_and_the_page_says_what_that_means(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page("annotate")
    assert "a single dense run cannot be split" in words(app)
    press(app, "Start the study")
    assert not app.error


def test_without_any_pie_there_is_nothing_to_ask(folder, open_page):
    shutil.rmtree(folder.path / "predictions" / VARIANT)
    shutil.copytree(folder.path / "predictions" / "dense", folder.path / "predictions" / VARIANT)
    listed(folder)
    app = open_page("annotate")
    assert "No PIE at all" in told(app)
    assert "Start the study" not in [button.label for button in app.button]


def test_without_pictures_the_page_says_how_to_bring_them(folder, open_page):
    images = folder.read_images()
    place = images.schema.get_field_index("image")
    empty = pa.nulls(images.num_rows, images.schema.field("image").type)
    folder.write_images(images.set_column(place, "image", empty))
    listed(folder)
    assert "no pictures" in told(open_page("annotate"))


# --- rating -------------------------------------------------------------------------------------
def test_the_browser_is_sent_nothing_that_tells_the_groups_apart(folder, study, open_page):
    app = begin(open_page("annotate"))
    sent = shown(app)
    assert (sent["done"], sent["total"]) == (0, len(folder.annotations.read(study).images))
    assert {frozenset(image) for image in sent["upcoming"]} == {frozenset({"id", "src", "label"})}
    text = json.dumps(sent["upcoming"]).lower()
    assert "pie" not in text.replace("data:image/png;base64", "").split('"')
    labels = folder.annotations.read(study).design.labels
    names = SweepResults(folder).class_names
    assert all(image["label"] == names[labels[image["id"]]] for image in sent["upcoming"])
    assert all(image["src"].startswith("data:image/png") for image in sent["upcoming"])
    assert not app.get("plotly_chart"), "no result beside the question"


def test_each_rater_has_an_own_order_that_stays(study, open_page):
    assert study == "study-1"
    ann, bo, again = (
        [image["id"] for image in shown(begin(open_page("annotate"), name))["upcoming"]]
        for name in ("Ann", "Bo", " Ann ")
    )
    assert ann == again != bo


def test_a_known_name_goes_on_where_it_stopped(folder, study, open_page):
    app = begin(open_page("annotate"))
    first = shown(app)["upcoming"][0]["id"]
    folder.annotations.annotate(study, "Ann", first, "none")
    fresh = open_page("annotate")
    assert "Ann (1 of " in words(fresh)
    sent = shown(begin(fresh, " ANN"))
    assert sent["done"] == 1
    assert first not in [image["id"] for image in sent["upcoming"]]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_name_that_cannot_be_used_is_told(study, open_page, name):
    assert study
    app = begin(open_page("annotate"), name)
    assert "rater's name" in told(app).replace("\\", "")
    assert not galleries(app)


def test_a_study_of_other_images_is_not_gone_on_with(folder, study, open_page):
    manifest = folder.manifest()
    manifest.dataset_fingerprint = "another"
    folder.write_manifest(manifest)
    app = open_page("annotate")
    assert f"{study} was drawn from other images" in told(app).replace("\\", "")


def test_read_only_shows_results_alone(folder, study, open_page, monkeypatch):
    rate_all(folder, study, "Ann")
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    app = open_page("annotate")
    assert "--read-only" in words(app)
    assert not app.text_input
    assert not galleries(app)
    assert len(app.get("plotly_chart")) == 1


def test_read_only_without_a_study_says_so(folder, open_page, monkeypatch):
    assert folder.exists
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    assert "There is no study yet" in told(open_page("annotate"))


# --- what the browser asks for ------------------------------------------------------------------
@pytest.fixture
def browser(folder, study, monkeypatch):
    """A session without Streamlit: what the browser sends is done, as the callback does it."""
    memory = {}
    monkeypatch.setattr(state, "recall", lambda name, default=None: memory.get(name, default))
    monkeypatch.setattr(state, "remember", memory.__setitem__)

    class Context:
        results = SweepResults(folder)

    def sends(*actions, token="t", who="w", whose="w"):
        event = {"who": whose, "token": token, "actions": list(actions)}
        monkeypatch.setattr(state, "event", lambda *_: event)
        asking._act(Context, study, "Ann", who, None)
        return memory.get("annotate-acknowledged-w")

    sends.given = lambda: {
        i: a.category for i, a in folder.annotations.read(study).answers("Ann").items()
    }
    sends.images = folder.annotations.read(study).images
    sends.memory = memory
    return sends


def action(sequence, type="rate", image=None, category="none"):
    made = {"sequence": sequence, "type": type}
    return made | ({"image": image, "category": category} if image is not None else {})


def test_actions_are_done_in_order_and_each_once_however_often_they_are_sent(browser, folder):
    one, two, *_ = browser.images
    sent = [action(1, image=one), action(2, "undo"), action(3, image=two, category="abstract")]
    assert browser(*sent) == {"token": "t", "sequence": 3}
    assert browser(*sent, action(4, image=one, category="atypical"))["sequence"] == 4
    assert browser.given() == {two: "abstract", one: "atypical"}
    lines = (folder.path / "annotations" / "study-1.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 4
    # The server was started again and remembers nothing; the page sends what it never heard of.
    browser.memory.clear()
    browser(action(4, image=one, category="atypical"))
    assert len((folder.path / "annotations" / "study-1.jsonl").read_text().splitlines()) == 1 + 4


def test_what_cannot_be_written_is_told_and_asked_for_again(browser, folder, monkeypatch):
    one, two, *_ = browser.images
    with monkeypatch.context() as patch:
        patch.setattr("analysis.store.annotations.os.write", _full)
        assert browser(action(1, image=one), action(2, image=two))["sequence"] == 0
    assert "No space left" in browser.memory["annotate-problem-w"]
    assert browser(action(1, image=one), action(2, image=two))["sequence"] == 2
    assert browser.memory["annotate-problem-w"] == ""
    assert list(browser.given()) == [one, two]
    assert folder.verify() == []


def _full(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "bad",
    [
        {"sequence": 1, "type": "rate", "image": 99_999, "category": "none"},
        {"sequence": 1, "type": "rate", "image": -1, "category": "none"},
        {"sequence": 1, "type": "rate", "image": "0", "category": "none"},
        {"sequence": 1, "type": "skip", "image": 99_999},
        {"sequence": 1, "type": "drop"},
        {"sequence": "1", "type": "undo"},
        {},
        None,
        "undo",
    ],
)
def test_what_no_page_sends_is_passed_over(browser, bad):
    one = browser.images[0]
    browser(bad, action(2, image=one))
    assert browser.given() == {one: "none"}
    assert browser.memory.get("annotate-later-w", []) == []


def test_an_answer_with_an_unknown_category_is_none(browser):
    browser(action(1, image=browser.images[0], category="<script>"))
    assert browser.given() == {}


def test_what_another_rater_said_a_moment_ago_is_not_taken_for_this_ones(browser):
    browser(action(1, image=browser.images[0]), whose="somebody else")
    assert browser.given() == {}


# --- results ------------------------------------------------------------------------------------
def test_results_are_behind_a_click_until_one_has_finished(folder, study, open_page):
    folder.annotations.annotate(study, "Ann", folder.annotations.read(study).images[0], "none")
    app = to_results(begin(open_page("annotate")))
    assert "should not see them before" in told(app)
    assert not app.get("plotly_chart")
    press(app, "Show results (unblinds)")
    assert len(app.get("plotly_chart")) == 1
    assert "There is one rater so far" in words(app)


def test_who_has_finished_sees_the_results_at_once(folder, study, open_page):
    rate_all(folder, study, "Ann", "Bo")
    app = to_results(begin(open_page("annotate")))
    assert len(app.get("plotly_chart")) == 1
    results = SweepResults(folder)
    table = app.dataframe[0].value
    assert table["pie_share"].tolist() == results.annotation_shares()["pie_share"].tolist()
    agreement = results.annotation_agreement()
    assert app.dataframe[1].value["coefficient"].tolist() == agreement["coefficient"].tolist()
    alpha = agreement["coefficient"].iloc[-1]
    assert f"**{alpha:.2f}**" in words(app)
    assert "2 raters, 2 finished" in words(app)


def test_the_code_of_figure_and_table_gives_what_they_show(folder, study, open_page, monkeypatch):
    rate_all(folder, study, "Ann")
    rate_all(folder, study, "Bob")
    offered = []
    monkeypatch.setattr(figure_panel, "as_code", lambda *both: offered.append(both))
    to_results(begin(open_page("annotate")))
    assert len(offered) >= 2
    for table, code in offered[-2:]:
        names = {}
        exec(code, names)
        pd.testing.assert_frame_equal(names["table"].reset_index(drop=True), table)


def test_a_study_nobody_rated_says_so(study, open_page):
    assert study
    app = to_results(open_page("annotate"))
    press(app, "Show results (unblinds)")
    assert "Nobody has rated" in told(app)


def test_more_runs_since_the_study_was_drawn_are_told(folder, study, open_page):
    rate_all(folder, study, "Ann")
    manifest = folder.manifest()
    manifest.run(VARIANT, 5).state = "planned"
    folder.write_manifest(manifest)
    app = to_results(begin(open_page("annotate")))
    assert "The groups are those of 6 runs" in words(app)


def test_a_rater_called_like_markup_is_shown_as_text(folder, study, open_page):
    rate_all(folder, study, "<script>alert(1)</script>", "**bold**")
    app = open_page("annotate")
    body = " ".join(one.value for one in (*app.markdown, *app.caption))
    assert "<script>alert" not in body
    assert "**bold**" not in body
    app = to_results(begin(app, "**bold**"))
    assert not app.error
    assert "<script>alert" not in " ".join(one.value for one in (*app.markdown, *app.caption))


def test_a_damaged_study_is_told_in_words(folder, study, open_page):
    (folder.path / "annotations" / f"{study}.jsonl").write_text("{")
    app = open_page("annotate")
    assert len(app.error) == 1
    assert "does not list the drawn images" in told(app)
