"""Merging the runs of one sweep made on two machines."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.config import Training
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.store import Cache
from analysis.store.join import join
from analysis.sweep.merge import merge
from tests.conftest import prediction_digests
from tests.synthetic import by_hand, make_sweep

VARIANTS = ("magnitude=0.5,0.9", "int8-static")


@pytest.fixture
def halves(tmp_path: Path) -> Cache:
    """One sweep, and two copies of it that each lack some of its runs."""
    whole = make_sweep(tmp_path, "whole", variants=VARIANTS, seeds=4)
    cache = Cache(tmp_path)
    for name, lacks in (("left", "magnitude-0.90"), ("right", "int8-static")):
        shutil.copytree(whole.path, tmp_path / name)
        folder = cache.sweep(name)
        shutil.rmtree(folder.path / "predictions" / lacks)
        manifest = folder.manifest()
        manifest.name = name
        manifest.variants = [v for v in manifest.variants if v.variant_id != lacks]
        del manifest.runs[lacks]
        manifest.files = {p: f for p, f in manifest.files.items() if lacks not in p}
        folder.write_manifest(manifest)
    return cache


def test_a_merged_sweep_has_the_runs_of_both_and_the_tables_of_the_whole(halves: Cache) -> None:
    before = prediction_digests(halves.sweep("left"))
    merged = merge(halves, "left", "right", "both")
    assert merged.is_complete
    assert merged.n_runs == 16
    both, whole = halves.sweep("both"), halves.sweep("whole")
    assert both.verify() == []
    assert prediction_digests(both) == prediction_digests(whole)
    assert prediction_digests(halves.sweep("left")) == before
    columns = ["variant_id", "n_pies", "top1_mean", "noise_floor_share", "pie_share_half"]
    tables = [
        SweepResults(f).summary()[columns].sort_values("variant_id").reset_index(drop=True)
        for f in (both, whole)
    ]
    assert tables[0].equals(tables[1])


def test_runs_that_differ_are_refused_and_nothing_is_left(halves: Cache) -> None:
    folder = halves.sweep("right")
    manifest = folder.manifest()
    manifest.files["predictions/dense/seed-0.parquet"].sha256 = "0" * 64
    folder.write_manifest(manifest)
    with pytest.raises(UserError, match=r"both have predictions/dense/seed-0.parquet"):
        merge(halves, "left", "right", "both")
    assert not list(halves.root.glob("*both*"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dataset_fingerprint", "other", "different data"),
        ("config", {"options": {"model": "other"}}, "different options"),
    ],
)
def test_sweeps_of_something_else_are_refused(
    halves: Cache, field: str, value: object, message: str
) -> None:
    path = halves.sweep("right").path / "manifest.json"
    raw = by_hand(path)
    path.write_text(json.dumps(raw | {field: value}))
    with pytest.raises(UserError, match=message):
        merge(halves, "left", "right", "both")


@pytest.mark.parametrize(
    ("options", "are_same"),
    [
        ({}, True),
        ({"image_size": None, "training": {"lr": Training().lr}}, True),
        ({"training": {"lr": 0.7}}, False),
    ],
)
def test_an_option_that_one_sweep_does_not_know_is_taken_for_its_default(
    halves: Cache, options: dict[str, object], are_same: bool
) -> None:
    for name, known in (("left", {}), ("right", options)):
        path = halves.sweep(name).path / "manifest.json"
        path.write_text(json.dumps(by_hand(path) | {"config": {"options": known}}))
    if are_same:
        assert merge(halves, "left", "right", "both").is_complete
    else:
        with pytest.raises(UserError, match=f"lr = {Training().lr} and 0.7"):
            merge(halves, "left", "right", "both")


def test_a_missing_file_is_named_and_nothing_is_left(halves: Cache) -> None:
    halves.sweep("right").prediction_path("magnitude-0.90", 1).unlink()
    with pytest.raises(UserError, match=r"seed-1.parquet is missing"):
        merge(halves, "left", "right", "both")
    assert not list(halves.root.glob("*both*"))


def test_merge_from_the_command_line(halves: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    cache = str(halves.root)
    assert main(["merge", "left", "right", "--name", "both", "--cache", cache]) == 0
    assert "both: 16 of 16 runs done" in capsys.readouterr().out
    assert main(["merge", "left", "right", "--name", "both", "--cache", cache]) == 2
    assert "exists already" in capsys.readouterr().err


def test_metadata_joined_to_either_is_in_the_merged_sweep(halves: Cache) -> None:
    n = len(halves.sweep("left").read_images(["label"]))
    for name, column in (("left", "rater"), ("right", "camera")):
        join(halves.sweep(name), pd.DataFrame({"image_id": range(n), column: range(n)}))
    merge(halves, "left", "right", "both")
    both = halves.sweep("both")
    assert both.verify() == []
    columns = ["meta_planted", "meta_rater", "meta_camera"]
    assert [c for c in both.image_columns() if c.startswith("meta_")] == columns
    assert both.read_images(["meta_camera"])["meta_camera"].to_pylist() == list(range(n))
    assert both.read_images(["image"]).equals(halves.sweep("left").read_images(["image"]))


def test_metadata_that_differ_are_refused_in_a_line_and_nothing_is_left(
    halves: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("left", 1), ("right", 2)):
        join(halves.sweep(name), pd.DataFrame({"image_id": [0], "rater": [value]}))
    arguments = ["merge", "left", "right", "--name", "both", "--cache", str(halves.root)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "both have a column 'meta_rater', and its values differ" in error
    assert len(error.splitlines()) == 1
    assert not list(halves.root.glob("*both*"))
