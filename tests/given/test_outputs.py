"""What the outputs of a model mean: which one, of which classes, which scores; and the stops."""

import json
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from analysis.cli.main import main
from analysis.results import load_sweep
from analysis.store import Cache
from tests.given.nets import BOTH, prototypes, sweep
from tests.importing.drawn import left_in

pytestmark = pytest.mark.usefixtures("models", "in_this_process")


def write(path: str, nodes: list[onnx.NodeProto], outputs: dict[str, tuple[int, list[object]]],
          **arrays: np.ndarray) -> str:  # fmt: skip
    """Write a graph whose ``scores`` are those of the linear classifier of the digits."""
    weight, bias = (arrays.pop(name, given) for name, given in
                    zip(("weight", "bias"), prototypes(), strict=True))  # fmt: skip
    stored = {"weight": weight, "bias": bias, "flat": np.array([-1, 64]), **arrays}
    head = [
        helper.make_node("Reshape", ["images", "flat"], ["rows"]),
        helper.make_node("Gemm", ["rows", "weight", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        head + nodes, "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info(k, kind, shape) for k, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(v, k) for k, v in stored.items()],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def plain(path: str, order: list[int] | None = None, **changes: np.ndarray) -> str:
    weight, bias = prototypes()
    if order is not None:
        changes |= {"weight": np.ascontiguousarray(weight[:, order]), "bias": bias[order]}
    n = len(changes.get("bias", bias))
    return write(path, [], {"scores": (TensorProto.FLOAT, ["n", n])}, **changes)


def figures(name: str = "mine") -> pd.DataFrame:
    return load_sweep(name, cache="cache").runs().set_index("variant_id")


def test_every_form_of_the_same_scores_gives_the_same_predictions() -> None:
    squeeze = {"axis": np.array([2, 3])}
    column = helper.make_node("Unsqueeze", ["scores", "axis"], ["out"])
    write("column.onnx", [column], {"out": (TensorProto.FLOAT, ["n", 10, 1, 1])}, **squeeze)
    first = helper.make_node("Unsqueeze", ["scores", "axis"], ["out"])
    write("first.onnx", [first], {"out": (TensorProto.FLOAT, [1, "n", 10])}, axis=np.array([0]))
    top = helper.make_node("ArgMax", ["scores"], ["out"], axis=1, keepdims=0)
    write("label.onnx", [top], {"out": (TensorProto.INT64, ["n"])})
    models = ["dense=net.onnx", "a=column.onnx", "b=first.onnx", "c=label.onnx"]
    assert sweep("--models", *models) == 0
    folder = Cache("cache").sweep("mine")
    n = len(folder.read_images(["label"]))
    found = [folder.read_population(v, ["prediction"], [0], n).prediction for v in "abc"]
    dense = folder.read_population("dense", ["prediction"], [0], n).prediction
    assert all((one == dense).all() for one in found)
    assert np.isnan(folder.read_population("c", ["confidence"], [0], n)["confidence"]).all()
    assert np.isnan(figures().loc["c", "ece"])


def test_of_several_outputs_the_one_with_its_name_is_taken_of_every_model() -> None:
    noise = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    aux = helper.make_node("MatMul", ["rows", "noise"], ["aux"])
    same = helper.make_node("Identity", ["scores"], ["logits"])
    kinds = {"aux": (TensorProto.FLOAT, ["n", 10]), "logits": (TensorProto.FLOAT, ["n", 10])}
    write("two.onnx", [aux, same], kinds, noise=noise)
    write("turned.onnx", [aux, same], dict(reversed(kinds.items())), noise=noise)
    assert sweep("--models", "dense=two.onnx", "int8=turned.onnx") == 0
    assert figures()["top1"].nunique() == 1
    assert sweep("--models", "dense=two.onnx", "int8=turned.onnx", "--output", "aux",
                 "--name", "aux", "--accept-classes") == 0  # fmt: skip
    assert figures("aux").loc["dense", "top1"] < 0.5


def test_an_output_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sweep(*BOTH, "--output", "logits") == 2
    assert "it has 'scores' float32 [N, 10]" in capsys.readouterr().err
    assert left_in(Path("cache")) == []


def test_outputs_are_matched_by_name_and_a_class_without_images_is_a_row_of_nulls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    weight, bias = prototypes()
    more = {"weight": np.insert(weight, 4, 0, axis=1).astype(np.float32),
            "bias": np.insert(bias, 4, -9).astype(np.float32)}  # fmt: skip
    plain("more.onnx", **more)
    assert sweep("--models", "dense=more.onnx") == 2
    assert "--classes FILE" in capsys.readouterr().err
    Path("names.txt").write_text("\n".join([*"0123", "none", *"456789"]))
    assert sweep("--models", "dense=more.onnx", "int8=more.onnx", "--classes", "names.txt") == 0
    assert sweep("--models", "dense=net.onnx", "--name", "ten") == 0
    assert figures().loc["dense", "top1"] == figures("ten").loc["dense", "top1"]
    classes = load_sweep("mine", cache="cache").classes().set_index("class_name")
    assert classes.loc["none", "n_images"] == 0
    assert np.isnan(classes.loc["none", "recall"])


def test_a_background_output_is_said_by_its_offset() -> None:
    weight, bias = prototypes()
    plain("more.onnx", weight=np.insert(weight, 0, 0, axis=1).astype(np.float32),
          bias=np.insert(bias, 0, -9).astype(np.float32))  # fmt: skip
    assert sweep("--models", "dense=more.onnx", "--label-offset", "1") == 0
    assert figures().loc["dense", "top1"] > 0.8


def test_predictions_outside_the_classes_with_images_are_counted_or_left_out() -> None:
    Path("few").mkdir()
    from analysis.datasets import open_dataset

    whole = open_dataset("digits").whole
    assert whole is not None
    for place in np.flatnonzero(whole.labels < 3)[:120].tolist():
        folder = Path("few") / str(whole.labels[place])
        folder.mkdir(exist_ok=True)
        whole.images[place].save(folder / f"{place}.png")
    Path("names.txt").write_text("\n".join("0123456789"))
    words = ["sweep", "--dataset", "folder:few", "--models", "dense=net.onnx", "--normalize",
             "none", "--classes", "names.txt", "--cache", "cache"]  # fmt: skip
    assert main([*words, "--name", "few"]) == 0
    assert len(load_sweep("few", cache="cache").class_names) == 10
    n_outside = figures("few").loc["dense", "n_outside"]
    assert n_outside > 0
    assert main([*words, "--name", "only", "--only-labelled"]) == 0
    assert load_sweep("only", cache="cache").class_names == ["0", "1", "2"]
    assert figures("only").loc["dense", "n_outside"] == 0
    assert figures("only").loc["dense", "top1"] >= figures("few").loc["dense", "top1"]


def test_two_swapped_classes_stop_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = list(range(10))
    order[3], order[8] = 8, 3
    plain("swapped.onnx", order)
    models = ("--models", "dense=swapped.onnx", "int8=swapped.onnx")
    assert sweep(*models) == 2
    said = capsys.readouterr().err
    assert "looks like '3'" in said
    assert "looks like '8'" in said
    assert left_in(Path("cache")) == []
    Path("names.txt").write_text(said.partition("goes on without:\n")[2])
    assert sweep(*models, "--classes", "names.txt") == 0
    right = figures().loc["dense", "top1"]
    assert right > 0.8
    assert sweep(*models, "--accept-classes", "--name", "taken") == 0
    assert figures("taken").loc["dense", "top1"] < right - 0.1
    assert "--accept-classes" in " ".join(Cache("cache").sweep("taken").manifest().dataset.notes)


def test_an_accuracy_that_is_known_and_missed_stops(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*BOTH, "--dense-top1", "75") == 2
    assert "dense is right on 90." in capsys.readouterr().err
    assert left_in(Path("cache")) == []
    assert sweep(*BOTH, "--dense-top1", "90") == 0


def test_which_images_is_the_first_line_and_in_the_manifest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sweep(*BOTH, "--dry-run") == 0
    assert capsys.readouterr().out.startswith("1,797 of 1,797 images: all images, of no split\n")
    assert sweep(*BOTH, "--split", "test") == 0
    assert capsys.readouterr().out.startswith("539 of 1,797 images: the 30 % that")
    assert Cache("cache").sweep("mine").manifest().dataset.selection is not None
    assert sweep(*BOTH) == 2
    assert "split = test" in capsys.readouterr().err


def test_scores_that_are_not_finite_are_no_answers(capsys: pytest.CaptureFixture[str]) -> None:
    half = [helper.make_node("Mul", ["scores", "big"], ["large"]),
            helper.make_node("Cast", ["large"], ["out"], to=TensorProto.FLOAT16)]  # fmt: skip
    kinds = {"out": (TensorProto.FLOAT16, ["n", 10])}
    write("half.onnx", half, kinds, big=np.float32(9_000))
    assert sweep("--models", "dense=net.onnx", "fp16=half.onnx") == 0
    assert "have no answer and count as wrong" in capsys.readouterr().err
    runs = figures()
    assert 0 < runs.loc["fp16", "n_no_answer"] < 1_797
    assert runs.loc["fp16", "top1"] < runs.loc["dense", "top1"]
    pies = load_sweep("mine", cache="cache").pies("fp16")
    assert ((pies["modal_label"] == -1) & (pies["kind"] == "forgotten")).any()


def test_a_sigmoid_a_class_is_refused_and_one_for_two_classes_is_both(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    many = helper.make_node("Sigmoid", ["scores"], ["out"])
    write("many.onnx", [many], {"out": (TensorProto.FLOAT, ["n", 10])})
    assert sweep("--models", "dense=many.onnx") == 2
    assert "multi-label" in capsys.readouterr().err
    assert sweep("--models", "dense=many.onnx", "--scores", "logits") == 0
    weight, bias = prototypes()
    from analysis.datasets import open_dataset

    whole = open_dataset("digits").whole
    assert whole is not None
    for place in np.flatnonzero(np.isin(whole.labels, (3, 8))).tolist():
        folder = tmp_path / "two" / str(whole.labels[place])
        folder.mkdir(parents=True, exist_ok=True)
        whole.images[place].save(folder / f"{place}.png")
    one = helper.make_node("Sigmoid", ["scores"], ["out"])
    write("one.onnx", [one], {"out": (TensorProto.FLOAT, ["n", 1])},
          weight=np.ascontiguousarray(weight[:, 8:9] - weight[:, 3:4]) * 8,
          bias=(bias[8:9] - bias[3:4]) * 8)  # fmt: skip
    assert main(["sweep", "--dataset", "folder:two", "--models", "dense=one.onnx", "--normalize",
                 "none", "--name", "two", "--cache", "cache"]) == 0  # fmt: skip
    assert figures("two").loc["dense", "top1"] > 0.9


def test_doctor_names_the_value_range_and_says_nothing_of_a_right_feeding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    weight, _ = prototypes()
    plain("bytes.onnx", weight=weight / 255)
    asked = ["doctor", "--dataset", "digits", "--models", "dense=bytes.onnx"]
    assert main([*asked, "--normalize", "imagenet"]) == 1
    said = capsys.readouterr().out
    assert "Give: --pixels 0..255" in said
    assert main([*asked, "--pixels", "0..255"]) == 0
    assert "none significantly better" in capsys.readouterr().out
    assert main([*asked, "--normalize", "imagenet", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["advice"] == ["--pixels", "0..255"]
    assert not Path("cache").exists()
    # Before a sweep it is a warning, and the sweep goes on.
    words = ["sweep", *asked[1:], "--normalize", "imagenet", "--accept-classes", "--name", "mine"]
    assert main([*words, "--cache", "cache"]) == 0
    assert "with --pixels 0..255" in capsys.readouterr().err
    notes = " ".join(Cache("cache").sweep("mine").manifest().dataset.notes)
    assert "--pixels 0..255" in notes
    assert main(["doctor", "--dataset", "digits"]) == 2
    assert main([*asked, "--mean", "0.5"]) == 2


def test_a_value_range_is_typed_as_it_is_documented() -> None:
    assert sweep_with("--pixels", "-1..1") == 0
    notes = Cache("cache").sweep("range").manifest().models["dense@0"].input
    assert "pixels scaled to -1..1 (as asked)" in notes


def sweep_with(*words: str) -> int:
    return main(["sweep", "--dataset", "digits", "--models", "dense=net.onnx", "--name", "range",
                 "--cache", "cache", "--accept-classes", *words])  # fmt: skip
