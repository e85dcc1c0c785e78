"""Making a model by name, and naming its prunable weights."""

import difflib

import torch
from torch import nn

import analysis.models.tiny_cnn  # noqa: F401
from analysis.errors import UserError
from analysis.models.spec import ModelSpec, Size
from analysis.models.torchvision_shim import import_timm
from analysis.models.weights import prunable_weights

timm = import_timm()


def resolve(
    name: str, n_classes: int, channels: int, *, image_size: int | None, native_size: Size | None
) -> ModelSpec:
    """Find the input size of a model and count its weights.

    The size asked for wins; a model for tiny images takes the dataset's own size; any other takes
    the size it was designed for.

    Raises
    ------
    UserError
        timm knows no model of that name, or it cannot be made for such an input.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
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
    return spec


def create(spec: ModelSpec) -> nn.Module:
    """Make the model with newly drawn weights, channels last; seed torch's generator first."""
    model = _create(spec.name, spec.n_classes, spec.channels, spec.image_size)
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def _create(name: str, n_classes: int, channels: int, size: Size | None) -> nn.Module:
    options = {"num_classes": n_classes, "in_chans": channels}
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
        reason = str(error).splitlines()[0]
        raise UserError(
            f"model '{spec.name}' does not take images of {spec.image_size[0]} x "
            f"{spec.image_size[1]} pixels ({reason}); give another --image-size"
        ) from error
    if shape != (2, spec.n_classes):
        raise UserError(
            f"model '{spec.name}' gives outputs of shape {shape} where (2, {spec.n_classes}) was "
            "expected: it is no plain image classifier"
        )
