"""Not worse by more than d: what is read, what is judged, and how it is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.budgets import Verdict, check, read_budget
from analysis.budgets.budget import Limit
from analysis.cli.main import main
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.store import SweepFolder
from tests.synthetic import make_sweep

PRUNED = "magnitude-0.90"


@pytest.fixture(scope="module", params=[1, 6])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A sweep of single models, and one of populations."""
    return make_sweep(tmp_path_factory.mktemp("cache"), n_images=400, seeds=request.param)


def budget(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "budget.toml"
    path.write_text(text, encoding="utf-8")
    return path


def verdict(folder: SweepFolder, tmp_path: Path, text: str) -> Verdict:
    (one,) = check(SweepResults(folder), read_budget(budget(tmp_path, text)), [PRUNED])
    return one


# --- reading --------------------------------------------------------------------------------------
def test_the_table_stands_beside_the_defaults_or_among_them(tmp_path: Path) -> None:
    for table in ("[not_worse]", "[default.not_worse]"):
        found = read_budget(budget(tmp_path, f"{table}\nmax_loss = 0.02"))
        assert found.limits("any") == [Limit("not_worse", 0.02, "bound")]
    both = read_budget(budget(tmp_path, "[default]\ntop1_drop = 0.1\n[not_worse]\nmax_loss = 0.02"))
    assert [one.rule for one in both.limits("any")] == ["top1_drop", "not_worse"]


@pytest.mark.parametrize(("classes", "is_named"), [("all", False), ("named", True)])
def test_all_classes_at_once_or_each_by_name(tmp_path: Path, classes: str, is_named: bool) -> None:
    text = f"[not_worse]\nmax_loss = 0.02\nclasses = '{classes}'"
    (limit,) = read_budget(budget(tmp_path, text)).limits("any")
    assert limit.is_named == is_named


def test_a_variant_has_its_own_margin_or_none(tmp_path: Path) -> None:
    found = read_budget(
        budget(
            tmp_path,
            """
            [not_worse]
            max_loss = 0.02
            [variant."int8-static"]
            not_worse = false
            pie_share = 0.1
            [variant."magnitude-0.50"]
            not_worse = {max_loss = 0.01, classes = "named"}
            """,
        )
    )
    assert found.limits(PRUNED) == [Limit("not_worse", 0.02, "bound")]
    assert [one.rule for one in found.limits("int8-static")] == ["pie_share"]
    assert found.limits("magnitude-0.50") == [
        Limit("not_worse", 0.01, "bound", is_named=True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[not_worse]", "[not_worse] has no max_loss; expected a fraction, 0.02 for two points"),
        ("[not_worse]\nmax = 0.02", "[not_worse] has an unknown key 'max'; known: max_loss"),
        ("[not_worse]\nmax_loss = 2", "expected a fraction, 0.02 for two percent"),
        ("[not_worse]\nmax_loss = '2 %'", "expected a number"),
        ("[not_worse]\nmax_loss = nan", "expected a number"),
        ("[not_worse]\nmax_loss = 0.1\nclasses = 'some'", "expected all or named"),
        ("[not_worse]\nmax_loss = 0.1\njudge = 'q'", "unknown key 'judge'"),
        ("not_worse = 0.02", "not_worse is 0.02; expected a table"),
        ("[default]\nnot_worse = 0.02", "not_worse is 0.02; expected a table"),
        ("not_worse = false", "has no rule"),
        ("[variant.int8.not_worse]\nmax = 1", '[variant."int8".not_worse] has an unknown key'),
        (
            "[not_worse]\nmax_loss = 0.1\n[default.not_worse]\nmax_loss = 0.2",
            "both [not_worse] and default.not_worse are given",
        ),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_budget(budget(tmp_path, text))
    assert message in str(caught.value)


# --- judging --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("classes", "column"), [("all", "loss_upper"), ("named", "loss_upper_named")]
)
def test_the_largest_bound_of_a_class_decides(
    made: SweepFolder, tmp_path: Path, classes: str, column: str
) -> None:
    table = SweepResults(made).classes(PRUNED).set_index("class_name")
    worst, bound = table[column].idxmax(), table[column].max()
    assert bound > -table.loc[worst, "recall_delta"] + 0.001
    for step, word in ((1e-6, "pass"), (-1e-6, "breach")):
        text = f"[not_worse]\nmax_loss = {bound + step}\nclasses = '{classes}'"
        one = verdict(made, tmp_path, text)
        assert (one.verdict, one.where) == (word, worst)
        assert one.measured == pytest.approx(-table.loc[worst, "recall_delta"])
        assert one.bound == bound
        assert np.isnan(one.low)
        level = "one class of all" if classes == "named" else "all classes"
        assert f"at most {100 * bound:.2f} points (one-sided 95 %, {level})" in one.note


def test_naming_classes_takes_more_than_all_at_once(made: SweepFolder, tmp_path: Path) -> None:
    table = SweepResults(made).classes(PRUNED)
    between = (table["loss_upper"].max() + table["loss_upper_named"].max()) / 2
    text = f"[not_worse]\nmax_loss = {between}\nclasses = "
    assert verdict(made, tmp_path, text + "'all'").verdict == "pass"
    assert verdict(made, tmp_path, text + "'named'").verdict == "breach"


def test_every_class_over_it_is_named(made: SweepFolder, tmp_path: Path) -> None:
    one = verdict(made, tmp_path, "[not_worse]\nmax_loss = -1")
    assert "also over it: " in one.note
    assert "and 1 more" in one.note


def few(root: Path) -> SweepFolder:
    """A sweep in which one class has a single test image."""
    folder = make_sweep(root, n_images=100, seeds=3, class_names=("a", "b"))
    manifest = folder.manifest()
    manifest.class_names.append("alone")
    images = folder.read_images()
    label = images["label"].to_numpy().copy()
    label[0] = 2
    place = images.column_names.index("label")
    field = images.schema.field("label")
    images = images.set_column(place, field, [label.astype(field.type.to_pandas_dtype())])
    manifest.files["images.parquet"] = folder.write_images(images)
    folder.write_manifest(manifest)
    return folder


def test_a_class_without_a_bound_leaves_it_untested_unless_another_breaches(tmp_path: Path) -> None:
    folder = few(tmp_path / "cache")
    one = verdict(folder, tmp_path, "[not_worse]\nmax_loss = 1")
    assert (one.verdict, one.note) == ("untested", "no bound for alone: it takes two images")
    assert verdict(folder, tmp_path, "[not_worse]\nmax_loss = -1").verdict == "breach"


def test_classes_without_images_are_passed_over(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=100, seeds=3, class_names=("a", "b"))
    manifest = folder.manifest()
    manifest.class_names.append("nothing")
    folder.write_manifest(manifest)
    assert verdict(folder, tmp_path, "[not_worse]\nmax_loss = 1").verdict == "pass"


# --- saying ---------------------------------------------------------------------------------------
def test_the_command_writes_the_bound(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = SweepResults(made).classes(PRUNED)
    path = budget(tmp_path, "[not_worse]\nmax_loss = 0.0\nclasses = 'named'")
    words = ["check", "made", "--budget", str(path), "--variant", PRUNED, "--cache",
             str(made.path.parent)]  # fmt: skip
    assert main([*words, "--format", "json"]) == 1
    (one,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["verdicts"]
    assert one["rule"] == "not_worse"
    assert one["judge"] == "bound"
    assert one["is_named"] is True
    assert one["upper_bound"] == table["loss_upper_named"].max()
    assert (one["ci_low"], one["ci_high"], one["budget"]) == (None, None, 0.0)
    assert main(words) == 1
    line = next(one for one in capsys.readouterr().out.splitlines() if "not_worse: " in one)
    assert line.startswith("BREACH")
    assert f"at most {100 * table['loss_upper_named'].max():.2f} points" in line
