"""Making a model by name, and naming its prunable weights."""

import difflib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import analysis.models.tiny_cnn  # noqa: F401
from analysis.errors import UserError, one_line
from analysis.models.checkpoint import load_checkpoint, read_checkpoint
from analysis.models.geometry import CROP_MODES, INTERPOLATIONS
from analysis.models.spec import ModelSpec, Size
from analysis.models.torchvision_shim import import_timm
from analysis.models.weights import prunable_weights

timm = import_timm()


def model_names() -> list[str]:
    """Names of all models that can be made, sorted; those registered here are among timm's."""
    return list(timm.list_models())


def resolve(
    name: str,
    n_classes: int,
    channels: int,
    *,
    image_size: int | None,
    native_size: Size | None,
    pretrained: bool = False,
    checkpoint: str | None = None,
) -> ModelSpec:
    """Find the input size of a model, count its weights, and see that given ones fit.

    The size asked for wins; a model for tiny images takes the dataset's own size; any other takes
    the size it was designed for. With given weights the input is normalized as timm's
    configuration of the model says, where it says so.

    Raises
    ------
    UserError
        timm knows no model of that name, it cannot be made for such an input, or the weights
        cannot be had or do not fit.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        if Path(name).suffix:
            hint = f"; a file of a model is given with --models dense={name}, and is not trained"
        raise UserError(f"model '{name}': timm has no model of that name{hint}")
    asked = (image_size, image_size) if image_size else None
    model = _create(name, n_classes, channels, asked)
    cfg = dict(getattr(model, "pretrained_cfg", None) or {})
    designed = cfg.get("input_size") or (channels, 224, 224)
    size = asked or (native_size if cfg.get("native_size") else None) or tuple(designed[-2:])
    spec = ModelSpec(
        name=name,
        n_classes=n_classes,
        channels=channels,
        image_size=(int(size[0]), int(size[1])),
        parameters=sum(p.numel() for p in model.parameters()),
        prunable=sum(weight.numel() for weight in prunable_weights(model).values()),
    )
    _check_forward(model, spec)
    if not pretrained and checkpoint is None:
        return spec
    return _with_weights(replace(spec, pretrained=pretrained, checkpoint=checkpoint), cfg)


def _with_weights(spec: ModelSpec, cfg: dict[str, Any]) -> ModelSpec:
    _, note = start(spec)
    if cfg.get("mean") is not None:
        data = timm.data.resolve_data_config({}, pretrained_cfg=cfg)
        mean, std = (_per_channel(data[key], spec.channels) for key in ("mean", "std"))
        spec = replace(spec, mean=mean, std=std)
        if spec.image_size == tuple(data["input_size"][-2:]):
            # At another size its crop would not be its own.
            spec = replace(spec, **own_geometry(data))
    digest = None
    if spec.checkpoint is not None:
        digest = hashlib.sha256(Path(spec.checkpoint).read_bytes()).hexdigest()
    return replace(spec, weights_note=note, weights_sha256=digest)


def own_geometry(data: dict[str, Any]) -> dict[str, Any]:
    """Resize mode, crop and interpolation of timm's configuration of a model."""
    how = str(data.get("interpolation", "bicubic"))
    return {
        "resize": CROP_MODES.get(str(data.get("crop_mode", "center")), "crop"),
        "crop_pct": float(data.get("crop_pct") or 1.0),
        "interpolation": how if how in INTERPOLATIONS else "bilinear",
    }


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    # Weights for colour are summed to grey by timm; the input is normalized by the mean.
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def start(spec: ModelSpec) -> tuple[nn.Module, str | None]:
    """Make the model with the weights training starts from; say what of given ones is not used.

    Drawn weights come from torch's generator: seed it first.

    Raises
    ------
    UserError
        The given weights cannot be had, or do not fit.
    """
    if spec.pretrained:
        model = _create_pretrained(spec)
        classes = (getattr(model, "pretrained_cfg", None) or {}).get("num_classes")
        if classes == spec.n_classes:
            return _channels_last(model), None
        return _channels_last(model), f"the head is a new one: the weights have {classes} classes"
    model = create(spec)
    if spec.checkpoint is None:
        return model, None
    return model, load_checkpoint(model, read_checkpoint(spec.checkpoint), spec.checkpoint)


def _create_pretrained(spec: ModelSpec) -> nn.Module:
    try:
        return _create(spec.name, spec.n_classes, spec.channels, spec.image_size, pretrained=True)
    except Exception as error:
        # Whatever the hub's client raises: offline, no such host, no such file, no such weights.
        reason = one_line(error)
        raise UserError(
            f"--pretrained: the weights of '{spec.name}' cannot be had ({reason}); they are "
            "fetched from the Hugging Face hub once, which needs a network and HF_HUB_OFFLINE "
            "unset; --checkpoint FILE takes weights you have"
        ) from error


def create(spec: ModelSpec) -> nn.Module:
    """Make the model with newly drawn weights, channels last; seed torch's generator first."""
    return _channels_last(_create(spec.name, spec.n_classes, spec.channels, spec.image_size))


def _channels_last(model: nn.Module) -> nn.Module:
    # Not by Tensor.contiguous, which takes depthwise and 1 x 1 weights to be in that layout
    # already and leaves their convolutions on the slow path (1.6 times a MobileNet's step).
    # (torch's own types do not know the argument.)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _create(
    name: str, n_classes: int, channels: int, size: Size | None, *, pretrained: bool = False
) -> nn.Module:
    options = {"num_classes": n_classes, "in_chans": channels, "pretrained": pretrained}
    try:
        if size is not None and name != "tiny_cnn":
            try:
                return timm.create_model(name, **options, img_size=size)
            except TypeError:
                pass
        return timm.create_model(name, **options)
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise UserError(f"model '{name}' cannot be made: {error}") from error


def _check_forward(model: nn.Module, spec: ModelSpec) -> None:
    try:
        with torch.inference_mode():
            shape = tuple(model.eval()(torch.zeros(2, spec.channels, *spec.image_size)).shape)
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        reason = one_line(error)
        raise UserError(
            f"model '{spec.name}' does not take images of {spec.image_size[0]} x "
            f"{spec.image_size[1]} pixels ({reason}); give another --image-size"
        ) from error
    if shape != (2, spec.n_classes):
        raise UserError(
            f"model '{spec.name}' gives outputs of shape {shape} where (2, {spec.n_classes}) was "
            "expected: it is no plain image classifier"
        )
