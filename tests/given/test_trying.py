"""What a model takes and gives is found and said; what cannot be used is named in one line."""

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from analysis.datasets.preprocess import Arrays
from analysis.errors import UserError
from analysis.external.evaluate import ExternalContext, _reopen, _run
from analysis.external.fit import Fit
from analysis.external.options import FeedingOptions
from analysis.external.registry import formats
from analysis.external.spec import parse_models
from analysis.models.factory import create, resolve
from analysis.outputs.run_scores import run_scores
from analysis.training.loop import Normalizer, predict
from tests.given.nets import NEEDED, Small, tried, write_linear, write_onnx, write_pt2


def pixels(n: int = 70) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 1, 8, 8), np.uint8)


def predicted(fit: Fit, folder: Path, images: np.ndarray) -> np.ndarray:
    context = ExternalContext(folder, Arrays(folder), {fit.key: NEEDED})
    scores = _run(_reopen(context, fit), fit, images)
    return run_scores(scores).logits(0, len(images))


def test_every_format_is_found() -> None:
    assert formats() == [
        "exported", "function", "hugging-face", "onnx", "openvino", "tflite", "timm",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["onnx", "pt2", "pt2-fixed", "function", "arrays"])
def test_a_model_predicts_what_the_module_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Small()
    if kind == "onnx":
        fit = tried(f"dense={write_onnx(module, tmp_path / 'a.onnx')}")
    elif kind.startswith("pt2"):
        batch = 3 if kind == "pt2-fixed" else None
        fit = tried(f"dense={write_pt2(module, tmp_path / 'a.pt2', batch=batch)}")
        assert fit.form.batch == batch
    else:
        monkeypatch.chdir(tmp_path)
        made = (
            "nets.Small()"
            if kind == "function"
            else ("lambda x: nets.Small()(torch.from_numpy(x)).detach().numpy()")
        )
        name = f"made_{kind}"
        (tmp_path / f"{name}.py").write_text(
            f"import torch\nfrom tests.given import nets\ndef net():\n    return {made}\n"
        )
        fit = tried(f"dense={name}:net")
        assert "ran the code" in fit.signature.notes[0]
    assert (fit.form.layout, fit.form.channels, fit.form.size) == ("NCHW", 1, (8, 8))
    assert fit.kind == "logits"
    images = pixels()
    expected = predict(module, images, Normalizer((0.0,), (1.0,), "cpu"))
    np.testing.assert_allclose(predicted(fit, tmp_path, images), expected, atol=1e-5)


def test_weights_are_measured(tmp_path: Path) -> None:
    module = Small()
    with torch.no_grad():
        module.head.weight[:5] = 0
    n = sum(p.numel() for p in module.parameters())
    zeros = 5 * 256 / (36 + 2560)
    for path in (write_onnx(module, tmp_path / "a.onnx"), write_pt2(module, tmp_path / "a.pt2")):
        figures = tried(f"dense={path}").signature.figures
        assert figures.sparsity == pytest.approx(zeros)
        assert figures.weight_bits == 32
        assert 4 * n <= figures.size_bytes < 4 * n + 200  # and a few constants of the graph


def test_layout_type_and_batch_are_those_declared(tmp_path: Path) -> None:
    images = pixels()
    plain = predicted(tried(f"dense={write_linear(tmp_path / 'a.onnx')}"), tmp_path, images)
    for name, changes, said in (
        ("last", {"layout": "NHWC"}, "float32 [N, 8, 8, 1]"),
        ("half", {"kind": TensorProto.FLOAT16}, "float16 [N, 1, 8, 8]"),
        ("four", {"batch": 4}, "float32 [4, 1, 8, 8]"),
        ("free", {"size": "side"}, "float32 [N, 1, 8, 8]"),
        ("open", {"channels": "c"}, "float32 [N, 1, 8, 8]"),
    ):
        fit = tried(f"dense={write_linear(tmp_path / f'{name}.onnx', **changes)}")
        assert said in fit.sentence
        atol = 1e-1 if name == "half" else 1e-5
        np.testing.assert_allclose(predicted(fit, tmp_path, images), plain, atol=atol)
    bytes_in = write_linear(tmp_path / "b.onnx", kind=TensorProto.UINT8, scale=1 / 255)
    fit = tried(f"dense={bytes_in}")
    assert "uint8 [N, 1, 8, 8]" in fit.sentence
    assert "pixels from 0 to 255 as they are (its type)" in fit.sentence
    integers = write_linear(tmp_path / "i.onnx", kind=TensorProto.INT8, scale=1 / 255)
    assert "int8 [N, 1, 8, 8]" in tried(f"dense={integers}").sentence


def test_probabilities_are_told_from_logits(tmp_path: Path) -> None:
    fit = tried(f"dense={write_linear(tmp_path / 'p.onnx', softmax=True)}")
    assert fit.kind == "probabilities"
    assert "outputs 10 probabilities" in fit.sentence
    logits = predicted(tried(f"dense={write_linear(tmp_path / 'a.onnx')}"), tmp_path, pixels())
    exact = torch.log_softmax(torch.from_numpy(logits), 1).numpy()
    np.testing.assert_allclose(predicted(fit, tmp_path, pixels()), exact, atol=1e-4)


def test_a_checkpoint_of_timm(tmp_path: Path) -> None:
    spec = resolve("tiny_cnn", 10, 1, image_size=None, native_size=(8, 8))
    model = create(spec).eval()
    path = tmp_path / "w.safetensors"
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)
    fit = tried(f"dense=timm:tiny_cnn:{path}")
    expected = predict(model, pixels(), Normalizer((0.0,), (1.0,), "cpu"))
    np.testing.assert_allclose(predicted(fit, tmp_path, pixels()), expected, atol=1e-5)


def test_external_weights_stay_in_the_folder_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    path = write_linear(tmp_path / "m" / "a.onnx")
    expected = predicted(tried(f"dense={path}"), tmp_path, pixels())
    beside = tmp_path / "m" / "b.onnx"
    onnx.save(onnx.load(path), beside, save_as_external_data=True, location="b.bin",
              size_threshold=200)  # fmt: skip
    before = tried(f"slim={beside}")
    np.testing.assert_allclose(predicted(before, tmp_path, pixels()), expected, atol=1e-6)
    assert before.signature.figures == tried(f"dense={path}").signature.figures
    content = (tmp_path / "m" / "b.bin").read_bytes()
    for location in ("../b.bin", str(tmp_path / "b.bin"), "link.bin"):
        (tmp_path / "b.bin").write_bytes(content)
        (tmp_path / "m" / "link.bin").unlink(missing_ok=True)
        (tmp_path / "m" / "link.bin").symlink_to(tmp_path / "b.bin")
        model = onnx.load(beside, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        escaping = tmp_path / "m" / f"c{len(location)}.onnx"
        escaping.write_bytes(model.SerializeToString())
        with pytest.raises(UserError, match="outside its folder"):
            tried(f"dense={escaping}")


def _with_two_inputs(path: Path) -> Path:
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3]) for n in "abc"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])], "g", infos[:2], infos[2:]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path
    )
    return path


def _with_unknown_operator(path: Path) -> Path:
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 1, 8, 8]) for n in "ab"]
    graph = helper.make_graph(
        [helper.make_node("Nowhere", ["a"], ["b"], domain="made.up")], "g", infos[:1], infos[1:]
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("made.up", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def _with_integers(path: Path) -> Path:
    given = helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 1, 8, 8])
    out = helper.make_tensor_value_info("b", TensorProto.INT64, ["n", 10])
    nodes = [
        helper.make_node("Reshape", ["a", "shape"], ["flat"]),
        helper.make_node("Slice", ["flat", "from", "to", "axis"], ["cut"]),
        helper.make_node("Cast", ["cut"], ["b"], to=TensorProto.INT64),
    ]
    arrays = {"shape": [-1, 64], "from": [0], "to": [10], "axis": [1]}
    stored = [numpy_helper.from_array(np.array(v), k) for k, v in arrays.items()]
    graph = helper.make_graph(nodes, "g", [given], [out], stored)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path
    )
    return path


def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("not.onnx").write_bytes(b"<html>not a model</html>")
    Path("empty.onnx").write_bytes(b"")
    Path("not.pt2").write_bytes(b"PK\x03\x04 cut off")
    Path("folder.onnx").mkdir()
    write_linear(Path("seven.onnx"), n_classes=7)
    write_linear(Path("wide.onnx"), size=9)
    write_linear(Path("five.onnx"), channels=5)
    _with_two_inputs(Path("two.onnx"))
    _with_unknown_operator(Path("unknown.onnx"))
    _with_integers(Path("integers.onnx"))
    Path("broken_maker.py").write_text("def net():\n    raise ValueError('no weights here')\n")
    Path("odd_maker.py").write_text("def net():\n    return 3\nnumber = 3\n")
    for model, expected in {
        "absent.onnx": "no such file",
        "folder.onnx": "not a file",
        "not.onnx": "not an ONNX file",
        "empty.onnx": "not an ONNX file",
        "not.pt2": "not a program of torch.export",
        "seven.onnx": "has 7 outputs, and the images have 10 classes.*--classes FILE",
        "wide.onnx": "does not take float32",
        "five.onnx": "expected images of 1 or 3 channels",
        "two.onnx": "expected one input, the images; it has 2: a, b",
        "unknown.onnx": "ONNX Runtime rejects it",
        "integers.onnx": "its scores are whole numbers, int64 from 0 to 1, and no probabilities",
        "nowhere_at_all:net": "module 'nowhere_at_all' cannot be imported",
        "broken_maker:net": "the function fails: no weights here",
        "broken_maker:other": "has no function 'other'",
        "odd_maker:net": "returned int",
        "odd_maker:number": "has no function 'number'",
        "timm:no_such_net": "timm has no model of that name",
        "timm:tiny_cnn:absent.safetensors": "absent.safetensors: no such file",
    }.items():
        with pytest.raises(UserError, match=expected) as raised:
            tried(f"slim@2={model}")
        assert str(raised.value).startswith(f"slim@2={model}")
        assert "\n" not in str(raised.value)


class Harmful:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    weights = tmp_path / "w.pt"
    torch.save({"weight": Harmful(touched)}, weights)
    with pytest.raises(UserError, match="not opened"):
        tried(f"dense=timm:tiny_cnn:{weights}")
    content = io.BytesIO()
    torch.save({"weight": Harmful(touched)}, content)
    source, target = write_pt2(Small(), tmp_path / "a.pt2"), tmp_path / "b.pt2"
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w") as made:
        for name in given.namelist():
            is_example = "sample_inputs" in name
            made.writestr(name, content.getvalue() if is_example else given.read(name))
        assert any("sample_inputs" in name for name in given.namelist())
    with pytest.raises(UserError):
        tried(f"dense={target}")
    assert not touched.exists()


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["a.onnx"], "expected VARIANT"),
        (["dense="], "expected VARIANT"),
        (["Dense!=a.onnx"], "variant 'Dense!'"),
        (["../up=a.onnx"], "variant '../up'"),
        (["dense@x=a.onnx"], "'x' is not a seed"),
        (["dense@-1=a.onnx"], "'-1' is not a seed"),
        (["dense=a.pth"], "weights alone do not name"),
        (["dense=a.h5"], "TFLiteConverter"),
        (["dense=timm:"], "a name is missing"),
        (["magnitude-90.0=a.onnx"], "a level is a fraction"),
        (["dense+int8=a.onnx"], "dense is a variant by itself"),
    ],
)
def test_items_of_another_form_are_refused(items: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        parse_models(items)


def test_scalings_that_cannot_be_are_refused() -> None:
    assert FeedingOptions(None, (0.5,), (0.2,)).std == (0.2,)
    for given in (
        ("sum", None, None), ("none", (0.5,), (0.5,)), (None, (0.5,), None),
        (None, (1.0, 2.0), (1.0,)), (None, (0.5,), (0.0,)), (None, (120.0,), (60.0,)),
        (None, (float("nan"),), (1.0,)), ("imagenet", None, None, "-1..1"),
    ):  # fmt: skip
        with pytest.raises(UserError):
            FeedingOptions(*given)
