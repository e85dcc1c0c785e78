"""What models, and the files beside them, say of their input is read in each tool's own words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from analysis.errors import UserError
from analysis.external.declared import (
    class_names_in,
    merged,
    of_metadata,
    of_preprocessor,
    of_timm,
    range_of,
)
from analysis.external.model import Feeding, Loaded
from analysis.external.registry import open_model
from analysis.external.spec import parse_models
from analysis.models.library import import_timm
from tests.given.nets import NEEDED, write_linear
from tests.given.quantized import write_integers

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def opened(path: Path | str) -> Loaded:
    (model,) = parse_models([f"dense={path}"])
    return open_model(model, NEEDED)


@pytest.mark.parametrize(
    ("config", "size", "resize", "crop_pct"),
    [
        ({"size": 224, "image_processor_type": "ViTFeatureExtractor"}, 224, "squash", 1.0),
        ({"size": {"height": 224, "width": 224}}, 224, "squash", 1.0),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224},
          "do_center_crop": True}, 224, "crop", 0.875),
        ({"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True},
         224, "crop", 0.875),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875,
          "image_processor_type": "ConvNextImageProcessor"}, 224, "crop", 0.875),
        ({"size": 224, "crop_pct": 0.95, "feature_extractor_type": "ConvNextFeatureExtractor"},
         224, "crop", 0.95),
        ({"size": {"shortest_edge": 384}, "image_processor_type": "ConvNextImageProcessor"},
         384, "squash", 1.0),
        ({"size": 256, "crop_size": 224, "do_center_crop": True,
          "image_processor_type": "BeitFeatureExtractor"}, 224, "squash", 0.875),
        ({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224},
          "do_center_crop": True, "image_processor_type": "LevitImageProcessor"},
         224, "crop", 0.875),
        ({"image_processor": {"size": {"height": 96, "width": 96}}}, 96, "squash", 1.0),
        ({"do_resize": False, "size": {"height": 96, "width": 96}}, None, None, None),
        ({"size": {"width": "96"}}, None, None, None),
        ({}, None, None, None),
    ],
)  # fmt: skip
def test_the_size_of_an_image_processor(
    config: dict[str, Any], size: int | None, resize: str | None, crop_pct: float | None
) -> None:
    found = of_preprocessor(config)
    assert found.size == (None if size is None else (size, size))
    assert (found.resize, found.crop_pct) == (resize, crop_pct)


@pytest.mark.parametrize(
    ("config", "pixels", "mean", "std"),
    [
        (IMAGENET, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (IMAGENET | {"do_normalize": False, "do_rescale": True}, "0..1", None, None),
        ({"do_normalize": False, "do_rescale": False}, "0..255", None, None),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3},
         None, (0.5,) * 3, (0.5,) * 3),
        ({"do_normalize": False, "do_rescale": True, "rescale_factor": 1 / 127.5,
          "rescale_offset": True}, "-1..1", None, None),
        ({"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3},
         None, (0.5,) * 3, (0.5,) * 3),
        ({"image_processor_type": "EfficientNetImageProcessor", "include_top": True} | IMAGENET,
         None, (0.485, 0.456, 0.406), (0.229**2, 0.224**2, 0.225**2)),
        ({"size": 224}, None, None, None),
    ],
)  # fmt: skip
def test_the_normalization_of_an_image_processor(
    config: dict[str, Any], pixels: str | None, mean: Any, std: Any
) -> None:
    found = of_preprocessor(config)
    assert found.pixels == pixels
    assert (found.mean, found.std) == (
        (None, None) if mean is None else (pytest.approx(mean), pytest.approx(std))
    )


def test_an_image_processor_of_other_words() -> None:
    names = [of_preprocessor({"resample": i}).interpolation for i in range(6)]
    assert names == ["nearest", "lanczos", "bilinear", "bicubic", None, None]
    flipped = of_preprocessor({"do_flip_channel_order": True})
    assert flipped.channels == "bgr"
    old = of_preprocessor({"feature_extractor_type": "MobileViTFeatureExtractor", "size": 288})
    assert old.channels == "bgr"


def test_a_configuration_of_timm() -> None:
    cfg = {"input_size": (3, 224, 240), "crop_pct": 0.9, "interpolation": "bicubic",
           "mean": (0.5,) * 3, "std": (0.2,) * 3}  # fmt: skip
    found = of_timm(cfg | {"crop_mode": "squash"})
    assert (found.size, found.resize, found.crop_pct) == ((224, 240), "squash", 0.9)
    assert [of_timm({"crop_mode": one}).resize for one in ("center", "border", None)] == [
        "crop", "pad", "crop",
    ]  # fmt: skip


def test_metadata_of_onnx() -> None:
    found = of_metadata({"mean": "[123.675, 116.28, 103.53]", "std": "58.395 57.12 57.375",
                         "imgsz": "[96, 128]", "crop_pct": "0.9",
                         "color_space": "BGR"})  # fmt: skip
    assert found.mean == pytest.approx((0.485, 0.456, 0.406))
    assert (found.size, found.crop_pct, found.channels) == ((96, 128), 0.9, "bgr")
    assert of_metadata({"mean": "[0.5]", "std": "[0.25]"}).std == (0.25,)
    assert of_metadata({"mean": "0", "std": "0"}) == Feeding()
    assert of_metadata({"mean": "__import__('os').abort()", "std": "1"}) == Feeding()
    trained = of_metadata({"author": "Ultralytics", "task": "classify", "imgsz": "[64, 64]"})
    assert (trained.pixels, trained.resize, trained.size) == ("0..1", "crop", (64, 64))


@pytest.mark.parametrize(
    "text",
    ["{0: 'cat', 1: 'dog'}", '{"0": "cat", "1": "dog"}', '["cat", "dog"]', "('cat', 'dog')",
     "cat, dog", "cat\ndog\n", '{"cat": 0, "dog": 1}', {"id2label": {"0": "cat", "1": "dog"}}],
)  # fmt: skip
def test_names_of_classes_in_every_form(text: Any) -> None:
    assert class_names_in(text) == ("cat", "dog")


@pytest.mark.parametrize("text", ["", "cat", "{0: 'a', 2: 'b'}", "[" * 5_000, "exit()", 3, None])
def test_what_names_no_class(text: Any) -> None:
    assert class_names_in(text) == ()


def test_two_places_that_say_something() -> None:
    own, other = Feeding(pixels="0..1"), Feeding(size=(8, 8), mean=(0.5,), std=(0.5,))
    assert merged(own, other) == Feeding(size=(8, 8), pixels="0..1")
    assert merged(Feeding(), other) == other


def test_a_range_is_known_within_two_steps() -> None:
    assert range_of(1.0, 0, 0, 255) == "0..255"
    assert range_of(1 / 128, 128, 0, 255) == "-1..1"
    assert range_of(0.5, 0, 0, 255) is None


def with_metadata(path: Path, **metadata: str) -> Path:
    model = onnx.load(path)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_an_onnx_file_says_how_it_is_fed(tmp_path: Path) -> None:
    names = [f"digit {i}" for i in range(10)]
    file = write_linear(tmp_path / "a.onnx")
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict(enumerate(names))}))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 8, "width": 8}, "image_mean": [0.5], "image_std": [0.5]})
    )
    loaded = opened(file)
    assert (loaded.class_names, loaded.declared_in) == (tuple(names), "preprocessor_config.json")
    assert (loaded.declared.size, loaded.declared.mean) == ((8, 8), (0.5,))
    own = with_metadata(file, names=str(dict(enumerate("abcdefghij"))), mean="[0.1]", std="[0.2]")
    loaded = opened(own)
    assert loaded.class_names == tuple("abcdefghij")
    assert (loaded.declared.mean, loaded.declared.size) == ((0.1,), (8, 8))
    assert loaded.declared_in == "its metadata and preprocessor_config.json"
    # Another model's files: as many names as it has no outputs.
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "cat", "1": "dog"}}))
    assert opened(write_linear(tmp_path / "b.onnx")).class_names == ()
    # As the cache of the Hugging Face hub has it: a link, to a file that lies elsewhere.
    (tmp_path / "blobs").mkdir()
    target = write_linear(tmp_path / "blobs" / "a1b2.onnx")
    (tmp_path / "link.onnx").symlink_to(target)
    assert opened(tmp_path / "link.onnx").declared.mean == (0.5,)
    (tmp_path / "onnx").mkdir()
    assert opened(write_linear(tmp_path / "onnx" / "model.onnx")).declared.mean == (0.5,)


def test_scales_found_as_it_runs_make_answers_depend_on_the_batch(tmp_path: Path) -> None:
    assert opened(write_integers(tmp_path / "a.onnx")).is_batch_dependent
    assert not opened(write_linear(tmp_path / "b.onnx")).is_batch_dependent
    model = onnx.load(tmp_path / "a.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    assert not opened(tmp_path / "one.onnx").is_batch_dependent
    # In a branch of the graph too.
    graph = onnx.load(tmp_path / "a.onnx").graph
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)]
    branch = helper.make_graph(list(graph.node), "branch", [], outputs)
    node = helper.make_node("If", ["yes"], ["out"], then_branch=branch, else_branch=branch)
    yes = numpy_helper.from_array(np.array(True), "yes")
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 10])
    whole = helper.make_graph([node], "whole", list(graph.input), [out], [*graph.initializer, yes])
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(whole, opset_imports=opsets, ir_version=9), tmp_path / "if.onnx")
    assert opened(tmp_path / "if.onnx").is_batch_dependent


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"ir_version": 99}, r"IR version 99, and ONNX Runtime [\d.]+ reads up to \d+; set model"),
     ({"opset": 99}, r"opset 99, and ONNX Runtime [\d.]+ reads up to \d+; export it again with "
                     r"opset_version=\d+, or pip install -U onnxruntime")],
)  # fmt: skip
def test_a_file_newer_than_the_runtime(changes: Any, words: str, tmp_path: Path) -> None:
    model = onnx.load(write_linear(tmp_path / "a.onnx"))
    model.ir_version = changes.get("ir_version", model.ir_version)
    model.opset_import[0].version = changes.get("opset", model.opset_import[0].version)
    onnx.save(model, tmp_path / "new.onnx")
    with pytest.raises(UserError, match=words) as error:
        opened(tmp_path / "new.onnx")
    assert ".cc" not in str(error.value)


@pytest.mark.parametrize("labels", ["strings", "ints"])
def test_scores_of_scikit_learn_are_a_table(labels: str, tmp_path: Path) -> None:
    file = write_linear(tmp_path / "a.onnx", softmax=True)
    model = onnx.load(file)
    words: Any = [f"digit {9 - i}" for i in range(10)] if labels == "strings" else list(range(10))
    node = helper.make_node("ZipMap", ["out"], ["map"], domain="ai.onnx.ml",
                            **{f"classlabels_{'int64s' if labels == 'ints' else labels}": words},
                            )  # fmt: skip
    model.graph.node.append(node)
    key = TensorProto.STRING if labels == "strings" else TensorProto.INT64
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    mapped = helper.make_map_type_proto(key, scores)
    value = helper.make_value_info("map", helper.make_sequence_type_proto(mapped))
    model.graph.output.append(value)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    onnx.save(model, tmp_path / "b.onnx")
    loaded = opened(tmp_path / "b.onnx")
    outputs = loaded.run(np.random.default_rng(0).random((4, 1, 8, 8)).astype(np.float32))
    np.testing.assert_allclose(outputs["map"], outputs["out"], atol=1e-6)
    assert loaded.class_names == (tuple(words) if labels == "strings" else ())


def test_a_model_of_timm_keeps_its_own_classes_and_transform(tmp_path: Path) -> None:
    timm = import_timm()
    torch.manual_seed(0)
    for classes, named in ((1000, True), (7, False)):
        model = timm.create_model("mobilenetv3_small_050", num_classes=classes).eval()
        file = tmp_path / "w.safetensors"
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, file)
        loaded = opened(f"timm:mobilenetv3_small_050:{file}")
        fed = np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32)
        with torch.inference_mode():
            truth = model(torch.from_numpy(fed)).numpy()
        np.testing.assert_allclose(loaded.run(fed)["0"], truth, atol=1e-4)
        assert loaded.shape == (None, 3, None, None)
        says = loaded.declared
        assert (says.size, says.resize, says.crop_pct, says.interpolation) == (
            (224, 224), "crop", 0.875, "bicubic",
        )  # fmt: skip
        assert says.mean == pytest.approx((0.485, 0.456, 0.406))
        assert bool(loaded.class_names) is named
    assert "tench, Tinca tinca, n01440764" not in loaded.class_names
