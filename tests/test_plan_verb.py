"""The verb ``plan``: differences that seeds and images detect, and what a difference takes."""

from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.presentation.plans import plan_sentence, plan_text, seeds_text
from analysis.results import SweepResults
from analysis.store import Cache
from tests.synthetic import make_sweep

PRUNED = "magnitude-0.90"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    make_sweep(tmp_path, n_images=200, seeds=4)
    return tmp_path


def run(cache: Path, *words: str) -> int:
    return main(["plan", "made", *words, "--cache", str(cache)])


def test_every_variant_has_a_sentence_and_a_table(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cache) == 0
    said = capsys.readouterr().out
    plan = _opened(cache).plan()
    for variant_id, rows in plan.groupby("variant_id"):
        top1 = rows.to_dict("records")[0]
        assert (
            f"{variant_id}, top-1 of all images: 4 seeds detect {100 * top1['detectable']:.1f}"
            in (said)
        )
        assert plan_sentence(top1) in said
        assert plan_text(rows) in said
    lines = [line for line in said.splitlines() if line.startswith("| ")]
    assert len(lines) == 3 * (2 + 1 + 5)
    row = plan[(plan["variant_id"] == PRUNED) & (plan["class_name"] == "bee")].iloc[0]
    assert (
        f"| bee | {row['n_images']} | {100 * row['detectable']:.1f} points | "
        f"{100 * row['image_floor']:.1f} points | {row['seeds_needed']:.0f} | "
        f"{row['images_needed']:,.0f} |"
    ) in lines


def _opened(cache: Path) -> SweepResults:
    return SweepResults(Cache(cache).sweep("made"))


def test_one_class_of_one_variant_is_one_sentence(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cache, "--class", "bee", "--variant", PRUNED) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{PRUNED}, class “bee”: 4 seeds detect ")
    assert len(said.splitlines()) == 1


def test_the_difference_asked_for_is_what_is_planned(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = {}
    for d in (0.5, 2.0, 50.0):
        assert run(cache, "--variant", PRUNED, "--class", "ant", "--difference", str(d)) == 0
        said = capsys.readouterr().out
        row = _opened(cache).plan(PRUNED, difference=d / 100).iloc[1]
        assert f"{d:g} points take {seeds_text(row['seeds_needed'])}" in said
        is_floor = row["image_floor"] > d / 100
        assert ("but no number of seeds detects less than" in said) == is_floor
        assert (f"it takes about {int(row['images_needed']):,}." in said) == is_floor
        needed[d] = row["seeds_needed"]
    assert needed[0.5] > needed[2.0] > needed[50.0] == 2
    assert run(cache, "--variant", PRUNED, "--class", "ant") == 0
    assert "; 2 points take " in capsys.readouterr().out


@pytest.mark.parametrize("difference", ["0", "-1", "101", "nan", "inf"])
def test_a_difference_that_is_none_is_refused(
    cache: Path, capsys: pytest.CaptureFixture[str], difference: str
) -> None:
    assert run(cache, f"--difference={difference}") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "expected percentage points above 0, up to 100" in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--class", "fox"), "there is no such class; choose among ant, bee, cat, dog, eel"),
        (("--variant", "int4"), "no variant 'int4'"),
    ],
)
def test_what_is_not_there_is_named(
    cache: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], message: str
) -> None:
    assert run(cache, *words) == 2
    assert message in capsys.readouterr().err


def test_one_run_a_variant_says_what_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sweep(tmp_path, n_images=100, seeds=1)
    assert run(tmp_path, "--variant", PRUNED) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        f"{PRUNED}, top-1 of all images: it takes two runs a variant, or some that differ."
    )
    assert "nan" not in said
    cells = next(line for line in said.splitlines() if line.startswith("| bee")).split("|")
    assert [cell.strip() for cell in cells[3:6:2]] == ["–", "–"]


def test_a_class_without_test_images_is_said_to_have_none(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _opened(cache).folder
    manifest = folder.manifest()
    manifest.class_names.append("nothing")
    folder.write_manifest(manifest)
    assert run(cache, "--class", "nothing", "--variant", PRUNED) == 0
    assert capsys.readouterr().out == f"{PRUNED}: no test image of that class\n"


def test_without_a_compressed_run_there_is_nothing_to_plan_from(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _opened(cache).folder
    manifest = folder.manifest()
    for variant_id in manifest.runs:
        if variant_id != "dense":
            manifest.runs[variant_id] = {}
    folder.write_manifest(manifest)
    assert run(cache) == 2
    assert "has no run of a compressed variant to plan from" in capsys.readouterr().err


def test_names_of_any_kind_keep_to_their_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("two\nlines", "a|b", "\x1b[31mred", "<b>", "eel")
    make_sweep(tmp_path, n_images=200, seeds=2, class_names=names)
    assert run(tmp_path, "--variant", PRUNED) == 0
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 1 + len(names)
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
    assert "\x1b" not in said
    assert run(tmp_path, "--variant", PRUNED, "--class", "two\nlines") == 0
    assert capsys.readouterr().out.startswith(f"{PRUNED}, class “two lines”: ")


def test_many_seeds_are_written_as_more_than_any_number() -> None:
    assert seeds_text(float("inf")) == "more than 100,000 seeds"
    assert seeds_text(1234.0) == "1,234 seeds"
