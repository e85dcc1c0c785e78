"""Models by their timm names, and the weights they start from."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from analysis.errors import UserError
from analysis.models.checkpoint import read_checkpoint
from analysis.models.factory import create, resolve, start
from analysis.models.library import import_timm
from analysis.models.spec import ModelSpec

timm = import_timm()


def test_tiny_cnn_is_created_by_timm_like_any_other() -> None:
    model = timm.create_model("tiny_cnn", num_classes=7, in_chans=3)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)
    assert "tiny_cnn" in timm.list_models()


def test_tiny_cnn_takes_the_size_of_the_data() -> None:
    assert resolve("tiny_cnn", 3, 1, image_size=None, native_size=(28, 28)).image_size == (28, 28)
    assert resolve("tiny_cnn", 3, 1, image_size=16, native_size=(28, 28)).image_size == (16, 16)
    assert resolve("tiny_cnn", 3, 3, image_size=None, native_size=None).image_size == (32, 32)


@pytest.mark.parametrize(
    ("name", "channels", "size"), [("resnet10t", 1, 32), ("vit_tiny_patch16_224", 3, 32)]
)
def test_a_timm_model_is_made_for_the_size_and_channels_asked(
    name: str, channels: int, size: int
) -> None:
    spec = resolve(name, 4, channels, image_size=size, native_size=(8, 8))
    with torch.inference_mode():
        logits = create(spec).eval()(torch.zeros(2, channels, size, size))
    assert logits.shape == (2, 4)
    assert 0 < spec.prunable < spec.parameters


def test_a_timm_model_has_the_size_it_was_designed_for_unless_asked() -> None:
    spec = resolve("mobilenetv3_small_050", 4, 3, image_size=None, native_size=(8, 8))
    assert spec.image_size == (224, 224)


def test_an_unknown_model_is_refused_with_near_names() -> None:
    with pytest.raises(UserError, match=r"did you mean .*resnet18"):
        resolve("resnet81", 4, 3, image_size=None, native_size=None)


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(UserError, match="give another --image-size"):
        resolve("vit_tiny_patch16_224", 4, 3, image_size=3, native_size=None)


State = dict[str, torch.Tensor]


def _given(checkpoint: Path, n_classes: int = 4) -> ModelSpec:
    return resolve(
        "tiny_cnn", n_classes, 1, image_size=8, native_size=None, checkpoint=str(checkpoint)
    )


@pytest.fixture
def weights() -> State:
    torch.manual_seed(7)
    spec = resolve("tiny_cnn", 4, 1, image_size=8, native_size=None)
    return {name: tensor.contiguous() for name, tensor in create(spec).state_dict().items()}


def _as_is(state: State) -> Any:
    return state


def _nested(state: State) -> Any:
    return {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}


def _prefixed(state: State) -> Any:
    return {f"module.model.{k}": v for k, v in state.items()}


def _without_counters(state: State) -> Any:
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


@pytest.mark.parametrize("form", [_as_is, _nested, _prefixed, _without_counters])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_is_found_in_whatever_form_it_was_saved(
    weights: State, tmp_path: Path, suffix: str, form: Callable[[State], Any]
) -> None:
    path = tmp_path / f"given{suffix}"
    content = form(weights)
    if suffix == ".safetensors":
        save_file(content.get("state_dict", content), path)
    else:
        torch.save(content, path)
    spec = _given(path)
    assert spec.weights_note is None
    assert spec.mean is None  # tiny_cnn asks for no mean of its own
    model, _ = start(spec)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_a_head_of_another_number_of_classes_keeps_its_drawn_weights(
    weights: State, tmp_path: Path
) -> None:
    torch.save(weights, tmp_path / "given.pt")
    spec = _given(tmp_path / "given.pt", n_classes=6)
    assert spec.weights_note == "the head is a new one: the checkpoint has one of 4 classes"
    model, _ = start(spec)
    assert model.get_parameter("fc.weight").shape == (6, 64)
    assert torch.equal(model.get_parameter("features.0.weight"), weights["features.0.weight"])


def test_a_checkpoint_without_a_head_is_taken(weights: State, tmp_path: Path) -> None:
    torch.save({k: v for k, v in weights.items() if "fc" not in k}, tmp_path / "given.pt")
    note = _given(tmp_path / "given.pt").weights_note
    assert note == "the head is a new one: the checkpoint has none"


def _wider(state: State) -> Any:
    return state | {"features.3.weight": torch.zeros(32, 17, 3, 3)}


def _lacking(state: State) -> Any:
    return {k: v for k, v in state.items() if not k.startswith("features.4")}


def _of_another_model(state: State) -> Any:
    return state | {f"layer{i}.weight": torch.zeros(1) for i in range(5)}


def _no_tensors(_: State) -> Any:
    return {"accuracy": 0.9}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (_wider, "of another shape in the model: features.3.weight"),
        (_lacking, "not in the file: features.4.bias, features.4.running_mean, .* and 1 more"),
        (_of_another_model, "not in the model: layer0.weight, layer1.weight, .* and 2 more"),
        (_no_tensors, "accuracy are not tensors"),
        (lambda _: {}, "has no state dict"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_its_names(
    weights: State, tmp_path: Path, form: Callable[[State], Any], message: str
) -> None:
    torch.save(form(weights), tmp_path / "given.pt")
    with pytest.raises(UserError, match=message):
        _given(tmp_path / "given.pt")


class _Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched-by-a-checkpoint"),))


@pytest.mark.parametrize(
    "save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))]
)
def test_a_checkpoint_never_runs_code(
    weights: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    save({"state_dict": weights, "extra": _Evil()}, tmp_path / "given.pt")
    with pytest.raises(UserError, match="holds pickled objects besides tensors"):
        _given(tmp_path / "given.pt")
    assert not (tmp_path / "touched-by-a-checkpoint").exists()


def test_any_damage_of_a_checkpoint_is_refused_in_words(weights: State, tmp_path: Path) -> None:
    path = tmp_path / "given.pt"
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in range(0, 1500, 25):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="--checkpoint"):
            read_checkpoint(str(path))


@pytest.mark.parametrize("name", ["given.pt", "given.safetensors"])
def test_a_missing_or_damaged_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such file"):
        _given(tmp_path / name)
    (tmp_path / name).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match=r"--checkpoint .* (cannot be read|is damaged)"):
        _given(tmp_path / name)


def test_pretrained_weights_without_a_network_are_refused_with_a_way_out() -> None:
    with pytest.raises(
        UserError, match="--pretrained: the weights of 'resnet18' are not available"
    ):
        resolve("resnet18", 4, 3, image_size=32, native_size=None, pretrained=True)


def test_a_model_without_pretrained_weights_says_so() -> None:
    with pytest.raises(UserError, match="tiny_cnn has no pretrained weights"):
        resolve("tiny_cnn", 4, 3, image_size=32, native_size=None, pretrained=True)


def test_pretrained_weights_bring_their_normalization_and_leave_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t").state_dict()
    monkeypatch.setattr(
        timm.models._builder, "load_state_dict_from_hf", lambda *_, **__: dict(theirs)
    )
    spec = resolve("resnet10t", 4, 1, image_size=None, native_size=(8, 8), pretrained=True)
    assert spec.image_size == (176, 176)
    assert spec.mean == pytest.approx(((0.485 + 0.456 + 0.406) / 3,))
    assert spec.weights_note == "the head is a new one: the weights have 1000 classes"
    model, _ = start(spec)
    assert torch.equal(
        model.get_parameter("layer1.0.conv1.weight"), theirs["layer1.0.conv1.weight"]
    )
    assert model.get_parameter("fc.weight").shape == (4, 512)


def test_given_weights_bring_the_crop_of_their_configuration_at_their_own_size(
    tmp_path: Path,
) -> None:
    name = "test_resnet"
    own = timm.get_pretrained_cfg(name)
    assert own is not None
    side = own.input_size[-1]
    weights = tmp_path / "weights.safetensors"
    save_file(timm.create_model(name, num_classes=4).state_dict(), weights)
    options = {"native_size": None, "checkpoint": f"{weights}"}
    spec = resolve(name, 4, 3, image_size=None, **options)
    assert (spec.geometry.crop_pct, spec.geometry.interpolation) == (
        own.crop_pct, own.interpolation,
    )  # fmt: skip
    assert spec.geometry.size == (side, side)
    assert resolve(name, 4, 3, image_size=64, **options).geometry.crop_pct is None
    assert resolve(name, 4, 3, image_size=None, native_size=None).geometry.crop_pct is None
