"""The verbs forecast, slices and remedy cascade, and the tables and files that they leave."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from analysis import schema
from analysis.cli.main import main
from analysis.export.cascade_files import write_cascade
from analysis.results import SweepResults
from analysis.store import Cache
from tests.synthetic import make_sweep, with_map

TABLES = {
    "cascade": "variant_id share_sent threshold forgotten_left forgotten_left_low "
    "forgotten_left_high top1 control_forgotten_left mean_latency_ms split",
    "forecast": "variant_id image_id score rank expected_share_caught",
    "slices": "variant_id slice name n risk_difference low high q split",
    "scores": "variant_id score decile n excess low high",
}  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("why")
    with_map(make_sweep(place, seeds=6, metadata={"meta_kind": ["a", "b"] * 100}))
    make_sweep(place, "single", seeds=1)
    return place


@pytest.mark.parametrize("table", TABLES)
def test_tables_begin_with_the_columns_that_others_rely_on(
    table: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "made", table, "--cache", str(cache)]) == 0
    header = capsys.readouterr().out.splitlines()[0].split(",")
    expected = TABLES[table].split()
    assert header[: len(expected)] == expected


def test_scores_are_made_of_runs_that_are_in_no_half(cache: Path) -> None:
    results = SweepResults(Cache(cache).existing("made"))
    scores = results.scores("magnitude-0.90")
    assert set(scores["n_score_runs"]) == {2}
    assert {"low_confidence", "atypicality"} <= set(scores["score"])
    excess = results._doubt.held_out.excess("magnitude-0.90")
    assert excess is not None
    assert excess.jackknife is not None
    assert len(excess.jackknife.moved[0]) == 4
    # Weighted by their images, the tenths have the excess of all.
    for _, rows in scores.groupby("score"):
        mean = float((rows["excess"] * rows["n"]).sum() / rows["n"].sum())
        assert mean == pytest.approx(float((excess.half - excess.floor).mean()))


def test_of_five_dense_runs_no_score_is_tested(tmp_path: Path) -> None:
    make_sweep(tmp_path, seeds=5)
    results = SweepResults(Cache(tmp_path).existing("made"))
    assert results.scores().empty
    assert len(results.forecast("int8-static")) == 200


def test_forecast_says_how_well_doubt_ranks_and_writes_the_list(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "list.csv"
    words = ["forecast", "made", "--variant", "int8-static", "--out", str(out)]
    assert main([*words, "--cache", str(cache)]) == 0
    said = capsys.readouterr().out
    assert "ranks the flips with AUROC" in said
    listed = pd.read_csv(out)
    assert listed["rank"].tolist() == list(range(1, 201))
    assert listed["score"].is_monotonic_decreasing
    assert sorted(listed["image_id"]) == list(range(200))


def test_of_dense_runs_alone_there_is_a_ranking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sweep(tmp_path, variants=())
    assert main(["forecast", "made", "--cache", str(tmp_path)]) == 0
    assert "nothing is compressed yet" in capsys.readouterr().out


def test_single_models_have_a_forecast_slices_and_a_cascade_without_a_control(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["forecast"], ["slices"]):
        assert main([words[0], "single", "--cache", str(cache)]) == 0
    assert main(["remedy", "single", "cascade", "--cache", str(cache)]) == 0
    said = capsys.readouterr().out
    assert "with these two models" in said
    table = SweepResults(Cache(cache).existing("single")).cascade("int8-static")
    assert table["control_forgotten_left"].isna().all()


def test_the_gallery_of_a_slice_has_its_images(cache: Path) -> None:
    results = SweepResults(Cache(cache).existing("made"))
    ids = results.slice_images("meta:kind/1")
    assert ids.tolist() == list(range(1, 200, 2))
    assert (np.sort(results.slice_images("class/0")) == np.flatnonzero(results.label == 0)).all()


@pytest.mark.parametrize("key", ["", "class/99", "class/-1", "nothing/0", "class/0/0", "class/²"])
def test_a_slice_that_is_not_there_is_named(key: str, cache: Path) -> None:
    results = SweepResults(Cache(cache).existing("made"))
    with pytest.raises(Exception, match="has no slice"):
        results.slice_images(key)


def test_what_the_cascade_leaves_runs_the_two_models(cache: Path, tmp_path: Path) -> None:
    words = ["remedy", "made", "cascade", "--variant", "int8-static", "--out", str(tmp_path)]
    assert main([*words, "--cache", str(cache)]) == 0
    told = json.loads((tmp_path / "cascade.json").read_text("utf-8"))
    threshold = next(x["threshold"] for x in told["thresholds"] if x["share_sent"] == 0.1)
    generator = np.random.default_rng(0)
    images = generator.normal(size=(60, 4)).astype(np.float32)
    weights = [generator.normal(size=(4, 3)).astype(np.float32) for _ in range(2)]
    for name, one in zip(("dense", "small"), weights, strict=True):
        _linear(tmp_path / f"{name}.onnx", one)
    np.save(tmp_path / "images.npy", images)
    files = [str(tmp_path / name) for name in ("dense.onnx", "small.onnx", "images.npy")]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "cascade.py"), *files, "0.1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    dense, small = (softmax(images @ one) for one in weights)
    ordered = np.sort(small, axis=1)
    certainty = ordered[:, -1] - (ordered[:, -2] if told["measure"] == "margin" else 0)
    expected = np.where(certainty <= threshold, dense.argmax(axis=1), small.argmax(axis=1))
    assert list(map(int, done.stdout.split())) == expected.tolist()


def _linear(path: Path, weight: np.ndarray) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.ravel())],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def test_shares_of_less_than_an_image_have_no_threshold(tmp_path: Path) -> None:
    make_sweep(tmp_path, n_images=40)
    table = SweepResults(Cache(tmp_path).existing("made")).cascade("int8-static")
    write_cascade(table, tmp_path / "out", schema.MARGIN)
    told = json.loads((tmp_path / "out" / "cascade.json").read_text("utf-8"))
    assert [one["share_sent"] for one in told["thresholds"]] == [0.05, 0.1, 0.2, 0.3, 0.5]


def test_hostile_names_stay_text_in_what_is_taken_away(cache: Path, tmp_path: Path) -> None:
    table = SweepResults(Cache(cache).existing("made")).cascade("int8-static")
    name = '=cmd|"</script><b>\n\u202e'
    paths = write_cascade(table.assign(variant_id=name), tmp_path / "out", schema.CONFIDENCE)
    by_name = {path.name: path.read_text("utf-8") for path in paths}
    assert json.loads(by_name["cascade.json"])["variant_id"] == name
    assert by_name["cascade.csv"].splitlines()[1].startswith("\"'=")
    assert "cmd" not in by_name["cascade.py"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["remedy", "made", "cascade", "--out", "x"], "--variant is missing"),
        (["remedy", "made", "cascade", "--variant", "dense"], "dense"),
        (["slices", "made", "--variant", "none"], "none"),
        (["forecast", "nothing"], "nothing"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(
    words: list[str], named: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--cache", str(cache)]) in (2, 3)
    said = capsys.readouterr().err
    assert named in said
    assert "Traceback" not in said
