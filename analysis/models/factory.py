"""Create models by name, with random, pretrained or checkpoint weights."""

import difflib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analysis.errors import UserError, one_line
from analysis.models.checkpoint import load_checkpoint, read_checkpoint
from analysis.models.geometry import CROP_MODES, INTERPOLATIONS
from analysis.models.library import import_timm
from analysis.models.spec import ModelSpec, Size
from analysis.models.tiny_cnn import NAME as TINY
from analysis.models.tiny_cnn import tiny_cnn
from analysis.models.weights import prunable_weights


def model_names() -> list[str]:
    """Return the sorted names of all models."""
    return list(import_timm().list_models())


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
    """Resolve the input size of a model, count its weights, and check a checkpoint.

    ``image_size`` wins; a model for tiny images takes the dataset's native size, any other the size
    it was designed for. With pretrained or checkpoint weights the input is normalized by timm's
    configuration of the model, if it has one.

    Raises
    ------
    UserError
        The model is unknown, does not support the input, or the weights are unavailable or do not
        fit.
    """
    if name != TINY and not import_timm().is_model(name):
        near = difflib.get_close_matches(name, model_names(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        if Path(name).suffix:
            hint = f"; a model file is evaluated, not trained: --models dense={name}"
        raise UserError(f"model '{name}': timm has no model of that name{hint}")
    requested = (image_size, image_size) if image_size else None
    model = _create(name, n_classes, channels, requested)
    cfg = dict(getattr(model, "pretrained_cfg", None) or {})
    designed = cfg.get("input_size") or (channels, 224, 224)
    size = requested or (native_size if cfg.get("native_size") else None) or tuple(designed[-2:])
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
        data = import_timm().data.resolve_data_config({}, pretrained_cfg=cfg)
        mean, std = (_per_channel(data[key], spec.channels) for key in ("mean", "std"))
        spec = replace(spec, mean=mean, std=std)
        if spec.image_size == tuple(data["input_size"][-2:]):
            # The crop belongs to the configured size.
            spec = replace(spec, **own_geometry(data))
    digest = None
    if spec.checkpoint is not None:
        digest = hashlib.sha256(Path(spec.checkpoint).read_bytes()).hexdigest()
    return replace(spec, weights_note=note, weights_sha256=digest)


def own_geometry(data: dict[str, Any]) -> dict[str, Any]:
    """Return resize mode, crop and interpolation of timm's configuration of a model."""
    interpolation = str(data.get("interpolation", "bicubic"))
    return {
        "resize": CROP_MODES.get(str(data.get("crop_mode", "center")), "crop"),
        "crop_pct": float(data.get("crop_pct") or 1.0),
        "interpolation": interpolation if interpolation in INTERPOLATIONS else "bilinear",
    }


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    # timm sums colour weights for grey input; normalize by the mean.
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def start(spec: ModelSpec) -> tuple[nn.Module, str | None]:
    """Create the model with its initial weights; return a remark on unused weights.

    Random weights come from torch's generator: seed it first.

    Raises
    ------
    UserError
        The weights are unavailable or do not fit.
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
        # The hub's client raises many kinds of errors.
        reason = one_line(error)
        raise UserError(
            f"--pretrained: the weights of '{spec.name}' are not available ({reason}); they are "
            "downloaded from the Hugging Face hub once, which needs a network and HF_HUB_OFFLINE "
            "unset; --checkpoint FILE takes weights you have"
        ) from error


def create(spec: ModelSpec) -> nn.Module:
    """Create the model with random weights, channels last; seed torch's generator first."""
    return _channels_last(_create(spec.name, spec.n_classes, spec.channels, spec.image_size))


def _channels_last(model: nn.Module) -> nn.Module:
    # Not Tensor.contiguous, which leaves depthwise and 1 x 1 weights unchanged and their
    # convolutions slow (1.6 times a MobileNet's step). torch's types lack the argument.
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _create(
    name: str, n_classes: int, channels: int, size: Size | None, *, pretrained: bool = False
) -> nn.Module:
    options: dict[str, Any] = {
        "num_classes": n_classes,
        "in_chans": channels,
        "pretrained": pretrained,
    }
    try:
        if name == TINY:  # without timm, whose import takes longer than a small sweep
            return tiny_cnn(**options)
        timm = import_timm()
        if size is not None:
            try:
                return timm.create_model(name, **options, img_size=size)
            except TypeError:
                pass
        return timm.create_model(name, **options)
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise UserError(f"model '{name}' cannot be created: {error}") from error


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
            f"model '{spec.name}' has outputs of shape {shape}; expected (2, {spec.n_classes}): "
            "it is not a plain image classifier"
        )
