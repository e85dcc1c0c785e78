"""What a report is asked to hold: a verdict, sections, a view, and nothing that is private."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.budgets import check, read_budget
from analysis.cli.main import main
from analysis.presentation.sections import SECTIONS
from analysis.report import write_report
from analysis.report.contents import Contents, View
from analysis.report.discreet import discreet, without_paths, without_people
from analysis.report.gallery import galleries, tiles_of
from analysis.report.scope import scope_of
from analysis.results import SweepResults
from analysis.store import SweepFolder
from tests.report.conftest import Page
from tests.synthetic import make_sweep

pytestmark = pytest.mark.usefixtures("without_browser")
PRUNED = "magnitude-0.90"
HELD = "[default]\ntop1_drop = 1\n"
BROKEN = "[default]\npie_share = 0\n"
UNTESTED = "[default]\npie_excess = {max = 0.9, judge = 'significant'}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return make_sweep(
        tmp_path_factory.mktemp("cache"), n_images=120, seeds=3,
        variants=("magnitude=0.5", "magnitude=0.9"),
    )  # fmt: skip


def _page(folder: SweepFolder, out: Path, asked: Contents, **more: object) -> tuple[str, Page]:
    written = write_report(SweepResults(folder), out, contents=asked, **more)  # type: ignore[arg-type]
    html = written.page.read_text(encoding="utf-8")
    return html, Page(html)


def _budget(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "budget.toml"
    path.write_text(text)
    return path


# --- the verdict --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "seeds", "heading"),
    [
        (HELD, 3, "Within the budget"),
        (BROKEN, 3, "Over the budget"),
        (UNTESTED, 1, "Cannot tell: some limits could not be tested"),
    ],
)
def test_the_verdict_is_that_of_check(tmp_path: Path, text: str, seeds: int, heading: str) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=100, seeds=seeds, variants=("magnitude=0.9",))
    path = _budget(tmp_path, text)
    out = tmp_path / "out"
    words = ["report", "made", "--out", str(out), "--budget", str(path), "--section", "found"]
    assert main([*words, "--cache", str(folder.path.parent)]) == 0
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    assert heading in page.texts
    verdicts = check(SweepResults(folder), read_budget(path))
    is_held = {"Within the budget": "pass", "Over the budget": "breach"}.get(heading, "untested")
    assert {one.verdict for one in verdicts} == {is_held}
    assert main(["check", "made", "--budget", str(path), "--cache", str(folder.path.parent)]) == (
        0 if is_held == "pass" else 1
    )


def test_without_a_budget_the_page_says_how_to_give_one(made: SweepFolder, tmp_path: Path) -> None:
    html, page = _page(made, tmp_path / "out", Contents(sections=("found",)))
    assert "No budget was given" in page.texts
    assert "--budget FILE.toml" in html
    assert html.index("No budget was given") < html.index('id="found"')


def test_the_first_page_has_three_sentences_four_numbers_and_at_most_twelve_images(
    made: SweepFolder, tmp_path: Path
) -> None:
    html, _ = _page(made, tmp_path / "out", Contents(sections=("found",)))
    first = html[html.index('<section class="verdict') : html.index("</section>")]
    assert 1 < first[: first.index("</ol>")].count("<li>") <= 3
    assert first.count('<dd class="value">') == 4
    results = SweepResults(made)
    focus = "magnitude-0.50" if "What magnitude-0.50" in first else PRUNED
    n = int((results.images(focus)["kind"] == "forgotten").sum())
    assert first.count('<li class="tile">') == min(12, n)
    row = results.summary().set_index("variant_id").loc[focus]
    assert f"{int(row['n_forgotten'])}, {int(row['n_recovered'])}" in first


def test_a_budget_that_names_what_is_not_there_writes_nothing(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _budget(tmp_path, "[default]\nclasses.nobody = 0.1\n")
    words = ["report", "made", "--out", str(tmp_path / "out"), "--budget", str(path)]
    assert main([*words, "--cache", str(made.path.parent)]) == 2
    assert "'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- sections -----------------------------------------------------------------------------------
def test_sections_that_are_chosen_are_the_page(made: SweepFolder, tmp_path: Path) -> None:
    html, page = _page(made, tmp_path / "out", Contents(sections=("classes", "made")))
    there = {found["id"] for found in page.of("h2") if found.get("id")}
    assert there == {"classes", "made"}
    links = {str(found["href"]) for found in page.of("a") if str(found.get("href")).startswith("#")}
    assert links == {"#classes", "#made"}
    assert 0 < html.count("Plotly.newPlot") < 8


def test_every_section_is_there_unless_some_are_chosen(made: SweepFolder, tmp_path: Path) -> None:
    _, page = _page(made, tmp_path / "out", Contents())
    there = {str(found["id"]) for found in page.of("h2") if found.get("id")}
    # Without shifts and studies there is nothing to say of them.
    assert set(SECTIONS) - there == {"shifts", "people", "each"}
    assert {"variant-1", "variant-2"} <= there


def test_an_unknown_section_is_refused_with_those_there_are(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "made", "--out", str(tmp_path / "out"), "--section", "figures"]
    assert main([*words, "--cache", str(made.path.parent)]) == 2
    assert "no section 'figures'; expected found, variants" in capsys.readouterr().err


def test_printed_is_one_variant_of_many(made: SweepFolder, tmp_path: Path) -> None:
    html, _ = _page(made, tmp_path / "out", Contents(sections=("each",)))
    assert html.count('<section class="of-variant on-screen">') == 1
    assert html.count('<section class="of-variant">') == 1
    alone, _ = _page(made, tmp_path / "alone", Contents(sections=("each",)), variant_ids=[PRUNED])
    assert "on-screen" not in alone[alone.index("<main>") :]


# --- a view -------------------------------------------------------------------------------------
def test_the_images_of_a_view_stand_first_in_their_order(made: SweepFolder, tmp_path: Path) -> None:
    ids = tuple(SweepResults(made).pies(PRUNED)["image_id"].iloc[[2, 0, 1]].tolist())
    view = View("PIEs, class <b>", ids)
    html, page = _page(
        made, tmp_path / "out", Contents(("found",), view=view), variant_ids=[PRUNED]
    )
    part = html[html.index('id="view"') : html.index('id="found"')]
    places = [part.index(f"<dd>{one}</dd>\n") for one in ids]
    assert places == sorted(places)
    assert any("3 of 3 images: PIEs, class <b>." in text for text in page.texts)


# --- what stays out -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("folder:/home/ann/secret/birds", "folder:…/birds"),
        ("/data/x/model.onnx: cannot be read", "…/model.onnx: cannot be read"),
        (r"C:\Users\ann\models\a.onnx", "…/a.onnx"),
        ("--models dense='/mnt/a b'", "--models dense='…/a b'"),
        ("~/nets/small/a.onnx", "…/a.onnx"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("train/cat/1.png", "train/cat/1.png"),
        ("3/4 of 1/2", "3/4 of 1/2"),
        ("2026-11-27T10:20:30+00:00", "2026-11-27"),
        ("begun 2026-11-27 10:20", "begun 2026-11-27"),
    ],
)
def test_paths_and_times_are_cut(given: str, shown: str) -> None:
    assert without_paths(given) == shown
    assert discreet({"a": [given]}) == {"a": [shown]}


def test_raters_are_numbered_alike_in_every_table() -> None:
    answers = pd.DataFrame(
        {"study": ["s", "s", "t"], "rater": ["Zoe", "Ann", "Ann"], "time": ["1", "2", "3"],
         "image_id": [1, 2, 3]}
    )  # fmt: skip
    pairs = pd.DataFrame({"study": ["s"], "rater": ["Zoe"], "other_rater": ["Ann"]})
    shown = without_people(answers)
    assert shown["rater"].tolist() == ["rater 2", "rater 1", "rater 1"]
    assert "time" not in shown
    assert without_people(pairs).iloc[0].tolist() == ["s", "rater 2", "rater 1"]
    other = pd.DataFrame({"n": np.arange(3), "time": 1})
    assert without_people(other) is other


def test_what_a_machine_is_called_stays_out_unless_asked_for(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=60, seeds=2, variants=("magnitude=0.9",))
    manifest = folder.manifest()
    manifest.dataset.spec = "folder:/home/ann/secret/birds"
    manifest.dataset.notes = ["/home/ann/secret/birds/a.png was left out at 2026-01-02T03:04:05"]
    folder.write_manifest(manifest)
    shown, _ = _page(folder, tmp_path / "out", Contents())
    assert "/home/ann" not in shown
    assert "03:04" not in shown
    assert "folder:…/birds" in shown
    whole, _ = _page(folder, tmp_path / "whole", Contents(has_details=True))
    assert "folder:/home/ann/secret/birds" in whole


def test_tiles_of_a_view_say_of_single_models_what_the_gallery_says(tmp_path: Path) -> None:
    """Confidences in the true class: one run agrees with itself."""
    folder = make_sweep(tmp_path, n_images=100, seeds=1, variants=("magnitude=0.9",))
    scope = scope_of(SweepResults(folder), None)
    of_gallery = galleries(scope)[PRUNED].tiles["forgotten"]
    assert of_gallery
    assert {tile.share for tile in of_gallery} != {1.0}
    assert tiles_of(scope, PRUNED, [tile.image_id for tile in of_gallery]) == of_gallery
