"""The list of figures: what is in it for which sweep, and names that any attribute may have."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.report.figures import drawings
from analysis.report.scope import scope_of
from analysis.results import SweepResults
from analysis.store import SweepFolder
from analysis.store.join import join
from tests.synthetic import make_sweep

PRUNED = "magnitude-0.90"
NAMES = (
    "size",
    "../../etc/passwd",
    "a b",
    "a/b",
    "a-b",
    "\x1b[31mred",
    "x" * 300,
    "..",
    "猫",
    "犬",
)


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return make_sweep(tmp_path / "cache", n_images=60, seeds=2)


def named(folder: SweepFolder) -> list[str]:
    return [one.name for one in drawings(scope_of(SweepResults(folder), [PRUNED]))]


def numbers(folder: SweepFolder, names: tuple[str, ...]) -> None:
    frame = pd.DataFrame({"image_id": range(60)} | {name: np.arange(60) / 60 for name in names})
    join(folder, frame)


def test_what_is_ruled_out_and_what_is_added_stand_in_the_list(folder: SweepFolder) -> None:
    found = named(folder)
    assert {f"not-worse-{PRUNED}", f"risk-difference-{PRUNED}"} <= set(found)
    assert not [one for one in found if one.startswith(("deciles-", "long-tail-"))]
    numbers(folder, ("size",))
    assert f"deciles-size-{PRUNED}" in named(folder)


@pytest.mark.parametrize(
    ("counts", "is_there"), [([5, 10, 20, 40, 80], True), ([9] * 5, False), (None, False)]
)
def test_the_long_tail_is_drawn_where_classes_have_different_counts(
    folder: SweepFolder, counts: list[int] | None, is_there: bool
) -> None:
    manifest = folder.manifest()
    manifest.dataset.train_counts = counts
    folder.write_manifest(manifest)
    found = {one.name: one for one in drawings(scope_of(SweepResults(folder), [PRUNED]))}
    assert (f"long-tail-{PRUNED}" in found) == is_there
    if is_there:
        figure = found[f"long-tail-{PRUNED}"].figure()
        assert {"class", "slope"} <= {trace.name for trace in figure.data}


def test_every_figure_of_the_list_draws_its_own_rows(folder: SweepFolder) -> None:
    numbers(folder, ("size",))
    for one in drawings(scope_of(SweepResults(folder), [PRUNED])):
        assert one.figure().layout.title.text, one.name
        assert len(one.data()), one.name


def test_attributes_of_any_name_have_figures_of_safe_names_each_its_own(
    folder: SweepFolder,
) -> None:
    numbers(folder, NAMES)
    found = [one for one in drawings(scope_of(SweepResults(folder), [PRUNED]))
             if one.name.startswith("deciles-")]  # fmt: skip
    assert {one.named["attribute"] for one in found} == set(NAMES)
    assert len({one.name for one in found}) == len(NAMES)
    for one in found:
        assert re.fullmatch(r"[A-Za-z0-9._+-]+", one.name)
        assert ".." not in one.name
        assert len(one.name) < 100
        assert one.title.isprintable()
        assert set(one.data()["attribute"]) == {one.named["attribute"]}


def test_the_command_writes_a_figure_into_its_folder_alone(
    folder: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    numbers(folder, ("../../etc/passwd",))
    written = []
    monkeypatch.setattr(
        "analysis.figures.files.figure_bytes", lambda figure, *_: written.append(figure) or b"svg"
    )
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    cache = ["--cache", str(tmp_path / "cache"), "--variant", PRUNED]
    assert main(["figure", "made", *cache]) == 0
    (name,) = re.findall(r"^(deciles-\S+): ", capsys.readouterr().out, re.MULTILINE)
    assert main(["figure", "made", name, *cache]) == 0
    assert [path.name for path in (tmp_path / "here").iterdir()] == [f"{name}.svg"]
    assert len(written) == 1
