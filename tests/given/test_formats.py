"""TFLite, OpenVINO and Hugging Face models run as their own runtimes run them, or say why not."""

import builtins
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.errors import UserError
from analysis.external.model import Loaded
from analysis.external.registry import open_model
from analysis.external.spec import _LINES, parse_models
from tests.given.nets import NEEDED, Small, prototypes, write_linear, write_onnx, write_pt2
from tests.given.other_formats import (
    PROCESSOR,
    normalization,
    write_openvino,
    write_tflite,
    write_vit,
)


def opened(path: Path | str, **needed: Any) -> Loaded:
    (model,) = parse_models([f"dense={path}"])
    return open_model(model, replace(NEEDED, **needed))


def images(n: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8)


def expected(pixels: np.ndarray) -> np.ndarray:
    weight, bias = prototypes()
    return (pixels.reshape(len(pixels), 64) / 255).astype(np.float32) @ weight + bias


def scores(loaded: Loaded, fed: np.ndarray) -> np.ndarray:
    (found,) = loaded.run(fed).values()
    return found


def test_a_tflite_model_of_floats(tmp_path: Path) -> None:
    loaded = opened(write_tflite(tmp_path / "a.tflite"))
    assert (loaded.shape, loaded.dtype, loaded.quantization) == ((None, 8, 8, 1), "float32", None)
    assert loaded.declared.pixels is None
    for n in (5, 1, 3):
        fed = (images(n) / 255).astype(np.float32)
        np.testing.assert_allclose(scores(loaded, fed), expected(images(n)), atol=1e-5)
    figures = loaded.figures
    assert (figures.weight_bits, figures.compute_dtype) == (32, "float32")
    assert figures.size_bytes == 4 * 650 + 8
    assert figures.sparsity == pytest.approx((prototypes()[0] == 0).mean())
    fixed = opened(write_tflite(tmp_path / "b.tflite", batch=1))
    assert fixed.shape == (1, 8, 8, 1)


def test_integers_of_tflite_are_scores_again(tmp_path: Path) -> None:
    loaded = opened(write_tflite(tmp_path / "a.tflite", kind="int8"))
    assert (loaded.dtype, loaded.quantization) == ("int8", (pytest.approx(1 / 255), -128))
    assert (loaded.declared.pixels, loaded.declared_in) == ("0..1", "the scale of its input")
    found = scores(loaded, (images().astype(int) - 128).astype(np.int8))
    assert found.dtype == np.float32
    # Steps of 0.1: rounding the output and the weights moves a score by no more than some steps.
    np.testing.assert_allclose(found, expected(images()), atol=0.25)
    np.testing.assert_allclose(found / 0.1, np.rint(found / 0.1), atol=1e-3)
    assert len(np.unique(found)) == len(np.unique(np.rint(found / 0.1)))
    figures = loaded.figures
    assert (figures.weight_bits, figures.sparsity, figures.compute_dtype) == (8, None, "int8")


@pytest.mark.parametrize(
    ("scale", "zero_point", "pixels"),
    [(1.0, -128, "0..255"), (1 / 255, -128, "0..1"), (0.0039, -128, "0..1"), (2 / 255, 0, "-1..1"),
     (1 / 127.5, -1, "-1..1"), (1 / 128, 0, "-1..1"), (0.018658, -14, None)],
)  # fmt: skip
def test_a_scale_says_which_pixels_are_meant(
    scale: float, zero_point: int, pixels: str | None, tmp_path: Path
) -> None:
    file = write_tflite(tmp_path / "a.tflite", kind="int8", scale=scale, zero_point=zero_point)
    loaded = opened(file)
    assert loaded.declared.pixels == pixels
    assert loaded.quantization == (pytest.approx(scale), zero_point)


def test_metadata_of_tflite(tmp_path: Path) -> None:
    names = "\n".join(f"digit {i}" for i in range(10))
    for mean, std, says in (
        ([127.5], [127.5], ((0.5,), (0.5,), None)),
        ([0.0], [1.0], (None, None, "0..255")),
        ([0.0], [255.0], ((0.0,), (1.0,), None)),
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375],
         ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), None)),
    ):  # fmt: skip
        data = normalization(mean, std)
        loaded = opened(write_tflite(tmp_path / "a.tflite", metadata=data, labels=names + "\n"))
        found = loaded.declared
        assert loaded.declared_in == "the model's metadata"
        assert loaded.class_names == tuple(f"digit {i}" for i in range(10))
        assert found.pixels == says[2]
        if says[0] is None:
            assert found.mean is None
        else:
            assert found.mean == pytest.approx(says[0])
            assert found.std == pytest.approx(says[1])
    broken = opened(write_tflite(tmp_path / "b.tflite", metadata=data[:-30] + b"\xff" * 30))
    assert broken.dtype == "float32"


def test_what_is_no_tflite_model_is_said(tmp_path: Path) -> None:
    good = write_tflite(tmp_path / "good.tflite").read_bytes()
    bad = tmp_path / "bad.tflite"
    for content in (b"", b"onnx" * 50, good[:60], good[: len(good) // 2], good[:8] + b"\xff" * 99):
        bad.write_bytes(content)
        with pytest.raises(UserError, match="not a TFLite file"):
            opened(bad)
    with pytest.raises(UserError, match="no such file"):
        opened(tmp_path / "none.tflite")
    with pytest.raises(UserError, match=r"FlexReshape; .*TFLITE_BUILTINS"):
        opened(write_tflite(tmp_path / "flex.tflite", custom=True))


def test_the_kernels_of_tflite_can_be_chosen(tmp_path: Path) -> None:
    file = write_tflite(tmp_path / "a.tflite")
    fed = (images() / 255).astype(np.float32)
    for kind in ("auto", "reference", "builtin", "without_delegates"):
        loaded = opened(file, session_options=(("op_resolver", kind), ("num_threads", "2")))
        np.testing.assert_allclose(scores(loaded, fed), expected(images()), atol=1e-5)


def test_an_openvino_model(tmp_path: Path) -> None:
    loaded = opened(write_openvino(tmp_path / "a.xml"))
    assert (loaded.shape, loaded.dtype) == ((None, 1, 8, 8), "float32")
    fed = (images() / 255).astype(np.float32).transpose(0, 3, 1, 2)
    assert list(loaded.run(fed)) == ["scores"]
    np.testing.assert_allclose(scores(loaded, fed), expected(images()), atol=1e-5)
    figures = loaded.figures
    assert (figures.weight_bits, figures.compute_dtype) == (32, "float32")
    option = ("execution_mode_hint", "accuracy"), ("inference_num_threads", "1")
    again = opened(tmp_path / "a.xml", session_options=option)
    np.testing.assert_allclose(scores(again, fed), expected(images()), atol=1e-5)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(UserError, match=r"its weights, a\.bin, are missing beside it"):
        opened(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_text("<annotation/>")
    with pytest.raises(UserError, match="not an OpenVINO model"):
        opened(tmp_path / "b.xml")
    (tmp_path / "c.xml").write_text("<net/>")
    (tmp_path / "c.bin").write_bytes(b"0")
    with pytest.raises(UserError, match="OpenVINO does not read it") as error:
        opened(tmp_path / "c.xml")
    assert ".cpp" not in str(error.value)


def test_what_openvino_says_of_its_input(tmp_path: Path) -> None:
    names = " ".join(f"d{i}" for i in range(10))
    said = {"mean_values": "123.675 116.28 103.53", "scale_values": "58.395 57.12 57.375",
            "reverse_input_channels": "True", "resize_type": "fit_to_window",
            "labels": names}  # fmt: skip
    loaded = opened(write_openvino(tmp_path / "a.xml", said))
    assert loaded.class_names == tuple(names.split())
    says = loaded.declared
    assert (says.channels, says.resize) == ("rgb", "pad")
    assert says.mean == pytest.approx((0.485, 0.456, 0.406))
    assert says.std == pytest.approx((0.229, 0.224, 0.225))
    said |= {"embedded_processing": "True", "reverse_input_channels": "False"}
    says = opened(write_openvino(tmp_path / "b.xml", said)).declared
    assert (says.mean, says.pixels, says.channels) == (None, "0..255", "bgr")
    last = opened(write_openvino(tmp_path / "c.xml", layout="NHWC"))
    assert last.shape == (None, 8, 8, 1)


def test_a_hugging_face_folder(tmp_path: Path) -> None:
    names = [f"digit {i}" for i in range(10)]
    model = write_vit(tmp_path / "vit", names, PROCESSOR)
    loaded = opened(tmp_path / "vit")
    assert loaded.class_names == tuple(names)
    assert (loaded.shape, loaded.declared_in) == ((None, 3, None, None), "preprocessor_config.json")
    says = loaded.declared
    assert (says.size, says.resize, says.crop_pct, says.interpolation) == (
        (8, 8), "squash", 1.0, "bilinear",
    )  # fmt: skip
    assert (says.mean, says.std) == ((0.5,) * 3, (0.25,) * 3)
    fed = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
    with torch.inference_mode():
        truth = model(torch.from_numpy(fed)).logits.numpy()
    np.testing.assert_allclose(loaded.run(fed)["logits"], truth, atol=1e-6)
    bare = tmp_path / "bare"
    write_vit(bare, [f"LABEL_{i}" for i in range(10)])
    loaded = opened(bare)
    assert (loaded.class_names, loaded.declared.size) == ((), (8, 8))


def test_a_hugging_face_folder_that_cannot_be_used(tmp_path: Path) -> None:
    good = tmp_path / "vit"
    write_vit(good, ["a", "b"])
    config = json.loads((good / "config.json").read_text())

    def changed(name: str, **changes: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(good, folder)
        (folder / "config.json").write_text(json.dumps(config | changes))
        return folder

    with pytest.raises(UserError, match="ViTModel; expected one that classifies images"):
        opened(changed("base", architectures=["ViTModel"]))
    with pytest.raises(UserError, match=r"do not fit its config\.json"):
        opened(changed("larger", num_hidden_layers=2))
    remote = changed(
        "remote", model_type="own", auto_map={"AutoModelForImageClassification": "m.M"}
    )
    (remote / "m.py").write_text("raise SystemExit('run')")
    with pytest.raises(UserError, match="transformers does not open it"):
        opened(remote)
    pickled = changed("pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin, which is not opened"):
        opened(pickled)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no config\.json"):
        opened(tmp_path / "empty")


@pytest.mark.parametrize(
    ("file", "package", "extra"),
    [("a.tflite", "ai_edge_litert", "tflite"), ("a.xml", "openvino", "openvino"),
     ("vit", "transformers", "transformers")],
)  # fmt: skip
def test_a_missing_runtime_is_named_with_its_extra(
    file: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vit").mkdir()
    (tmp_path / "vit" / "config.json").write_text("{}")
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=rf"is not installed; .*pip install .*\[{extra}\]"):
        opened(tmp_path / file)


def test_options_of_a_runtime_are_checked(tmp_path: Path) -> None:
    net = write_linear(tmp_path / "a.onnx")
    for level in ("disable_all", "basic", "extended", "all"):
        options = ("graph_optimization_level", level), ("intra_op_num_threads", "2")
        fed = (images() / 255).astype(np.float32).transpose(0, 3, 1, 2)
        found = scores(opened(net, session_options=options), fed)
        np.testing.assert_allclose(found, expected(images()), atol=1e-5)
    opened(net, session_options=(("session.disable_prepacking", "true"),))
    for options, words in (
        ((("graph_optimization_level", "none"),), "expected disable_all, basic, extended"),
        ((("intra_op_num_threads", "0"),), "expected a number of threads"),
        ((("optimized_model_filepath", "/tmp/x"),), "has no such option here; expected one of"),
        ((("execution_mode", "parallel"),) * 2, "occurs twice"),
    ):
        with pytest.raises(UserError, match=words):
            opened(net, session_options=options)
    option = (("graph_optimization_level", "all"),)
    for file in (write_tflite(tmp_path / "a.tflite"), write_openvino(tmp_path / "o.xml")):
        with pytest.raises(UserError, match="has no such option here"):
            opened(file, session_options=option)
    with pytest.raises(UserError, match="has no such options"):
        opened(write_pt2(Small(), tmp_path / "a.pt2"), session_options=option)


def test_a_device_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    files = {
        "onnxruntime-gpu": write_onnx(Small(), tmp_path / "a.onnx"),
        "torch .* finds no such device": write_pt2(Small(), tmp_path / "a.pt2"),
        "run on the CPU": write_tflite(tmp_path / "a.tflite"),
    }
    for words, file in files.items():
        with pytest.raises(UserError, match=words):
            opened(file, device="cuda")


@pytest.mark.parametrize("suffix", sorted(_LINES))
def test_a_format_that_is_not_read_comes_with_the_lines_that_export_it(suffix: str) -> None:
    with pytest.raises(UserError) as error:
        parse_models([f"dense=some/net{suffix}"])
    said = str(error.value)
    assert "expected a file .onnx" in said
    assert "{" not in said.replace("{0: ", "").replace('{"images"', "")
    assert any(word in said for word in ("export", "convert", "--onnx=", "module:function"))


def test_a_saved_model_of_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"0")
    with pytest.raises(UserError, match=r"tf2onnx\.convert --saved-model"):
        parse_models([f"dense={tmp_path / 'saved'}"])
