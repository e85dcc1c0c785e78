"""Scores in whole numbers: a quantized softmax is known, logits are not taken for anything."""

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.outputs.run_scores import notes_of, run_scores, table_of
from analysis.outputs.scores import as_table
from analysis.outputs.whole_numbers import AS_THEY_ARE, grid_of
from analysis.store import Cache
from lethe import audit
from tests.given.nets import prototypes

N, C = 200, 7
LABEL = np.arange(N) % C


def probabilities() -> np.ndarray:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(N, C)) * 2
    logits[np.arange(N), LABEL] += 2
    exact = np.exp(logits)
    return exact / exact.sum(axis=1, keepdims=True)


def quantized(kind: type, zero: int, step: float) -> np.ndarray:
    limits = np.iinfo(kind)
    return np.clip(np.rint(probabilities() / step) + zero, limits.min, limits.max).astype(kind)


SOFTMAX = [
    (np.uint8, 0, 1 / 256), (np.uint8, 0, 1 / 255), (np.int8, -128, 1 / 256),
    (np.int8, -128, 1 / 255), (np.int16, 0, 1 / 32768), (np.uint16, 0, 1 / 65536),
    (np.int64, 0, 1 / 256),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "zero", "step"), SOFTMAX)
def test_a_quantized_softmax_has_the_numbers_of_its_floats(kind, zero, step):
    given = quantized(kind, zero, step)
    run = run_scores(given)
    assert run.kind == "probabilities"
    floats = run_scores(((given.astype(np.float64) - zero) * step).astype(np.float32))
    of_numbers, of_floats = (table_of(one, LABEL, C).to_pandas() for one in (run, floats))
    exact = ["prediction", "true_rank", "score_ties"]
    assert of_numbers[exact].equals(of_floats[exact])
    for name in ("confidence", "margin", "el2n"):
        assert np.allclose(of_numbers[name], of_floats[name], atol=1e-6)
    assert np.abs(of_numbers["confidence"] - probabilities().max(axis=1)).max() < 8 * step
    assert "quantized softmax" in notes_of(run, LABEL)[0]


def test_one_hot_answers_are_probabilities():
    assert grid_of([np.eye(C, dtype=np.int64)]) == AS_THEY_ARE
    assert run_scores(np.eye(C, dtype=bool)).kind == "probabilities"


LOGITS = [
    np.random.default_rng(1).integers(-40, 40, (N, C)).astype(np.int8),
    np.random.default_rng(1).integers(0, 255, (N, C)).astype(np.uint8),
    np.random.default_rng(1).integers(-9000, 9000, (N, C)),
    np.zeros((N, C), np.int8),
    np.rint(100 * probabilities()).astype(np.int32),
]


@pytest.mark.parametrize("given", LOGITS)
def test_logits_of_no_known_scale_are_refused_with_the_way_on(given):
    with pytest.raises(UserError, match=r"no confidence is known; give scale \* \(scores"):
        run_scores(given)
    run = run_scores(given, "logits")
    assert run.kind == "logits"
    assert "logits of scale 1, as requested" in notes_of(run, LABEL)[0]


def test_one_row_that_is_no_softmax_decides():
    given = quantized(np.uint8, 0, 1 / 256)
    given[-1] = 255
    with pytest.raises(UserError, match="uint8 from 0 to 255, and no probabilities"):
        run_scores(given)


def test_whole_numbers_are_a_table_as_floats_are():
    assert as_table(np.zeros((3, 4, 1, 1), np.int8), 3).shape == (3, 4)
    assert as_table(np.zeros((3, 1), np.int8), 3).shape == (3,)


# --- by every door ----------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_import_and_audit_say_the_same(tmp_path: Path, capsys, form: str):
    dense = probabilities().astype(np.float32)
    small = quantized(np.uint8, 0, 1 / 256)
    cache, words = tmp_path / "cache", []
    if form == "npy":
        np.save(tmp_path / "labels.npy", LABEL)
        for name, scores in (("dense", dense), ("int8", small)):
            np.save(tmp_path / f"{name}.npy", scores)
            words += ["--variant", f"{name}={tmp_path / name}.npy"]
        words += ["--labels", f"{tmp_path / 'labels.npy'}"]
    else:
        for name, scores in (("dense", dense), ("int8", small)):
            path = tmp_path / f"{name}__seed-0.npz"
            np.savez(path, probabilities=scores, labels=LABEL)
            words.append(f"{path}")
    assert main(["import", *words, "--name", "files", "--cache", f"{cache}"]) == 0
    assert "quantized softmax" in capsys.readouterr().out
    audit({"dense": dense, "int8": small}, labels=LABEL, name="memory", cache=cache)
    one, other = (
        pd.read_parquet(Cache(cache).existing(name).prediction_path("int8", 0))
        for name in ("files", "memory")
    )
    pd.testing.assert_frame_equal(one, other)


def test_import_refuses_logits_and_takes_them_as_asked(tmp_path: Path, capsys):
    np.savez(tmp_path / "dense__seed-0.npz", logits=LOGITS[0], labels=LABEL)
    words = ["import", f"{tmp_path / 'dense__seed-0.npz'}", "--name", "m"]
    words += ["--cache", f"{tmp_path / 'cache'}", "--accept-classes"]
    assert main(words) == 2
    assert "--scores logits takes the numbers as logits" in capsys.readouterr().err
    assert main([*words, "--scores", "logits"]) == 0
    assert "logits of scale 1, as requested" in capsys.readouterr().out


@pytest.mark.parametrize("softmax", [True, False])
def test_a_model_with_whole_numbers_is_read_by_the_same_rule(
    tmp_path, capsys, monkeypatch, softmax
):
    monkeypatch.chdir(tmp_path)
    for name, kind in (("net", None), ("int8", TensorProto.UINT8)):
        write_net(Path(f"{name}.onnx"), kind, softmax=softmax)
    words = ["sweep", "--dataset", "digits", "--models", "dense=net.onnx", "int8=int8.onnx"]
    words += ["--normalize", "none", "--name", "m", "--cache", "cache", "--workers", "1"]
    status = main(words)
    said = capsys.readouterr()
    if not softmax:
        assert status == 2
        assert "its scores are whole numbers, uint8" in said.err
        return
    assert status == 0
    assert "int8=int8.onnx: whole numbers whose rows sum to 1 in steps of 1/256" in said.out
    folder = Cache("cache").existing("m")
    dense, int8 = (
        pd.read_parquet(folder.prediction_path(name, 0))["confidence"] for name in ("dense", "int8")
    )
    assert np.abs(dense - int8).max() < 10 / 256


def write_net(path: Path, kind: int | None, *, softmax: bool) -> None:
    """A classifier of the digits whose scores are rounded to 8 bits and stay whole numbers."""
    weight, bias = prototypes()
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
        *([helper.make_node("Softmax", ["logits"], ["found"])] if softmax else
          [helper.make_node("Identity", ["logits"], ["found"])]),
    ]  # fmt: skip
    held = {"weight": 4 * weight, "bias": 4 * bias}
    if kind is None:
        nodes.append(helper.make_node("Identity", ["found"], ["scores"]))
    else:
        nodes.append(helper.make_node("QuantizeLinear", ["found", "step", "zero"], ["scores"]))
        held |= {"step": np.float32(1 / 256 if softmax else 0.1), "zero": np.uint8(0)}
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", kind or TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opsets), path)
