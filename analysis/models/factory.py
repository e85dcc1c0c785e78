"""Making a model by name, and naming its prunable weights."""

import difflib

import torch
from torch import nn

from analysis.errors import UserError
from analysis.models.spec import ModelSpec, Size
from analysis.models.torchvision_shim import import_timm

timm = import_timm()
from analysis.models import tiny_cnn as _tiny_cnn  # noqa: E402, F401


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
        prunable=sum(m.weight.numel() for m in prunable(model).values()),
    )
    _check_forward(model, spec)
    return spec


def create(spec: ModelSpec) -> nn.Module:
    """Make the model with newly drawn weights; seed torch's generator first."""
    return _create(spec.name, spec.n_classes, spec.channels, spec.image_size)


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


def prunable(model: nn.Module) -> dict[str, nn.Module]:
    """Modules whose ``weight`` pruning may remove, by name.

    All convolutions and linear layers except the classifier head; batch norm and biases stay. The
    rule is that of Hooker et al. 2019.
    """
    head = model.get_classifier() if hasattr(model, "get_classifier") else None
    heads = head if isinstance(head, tuple | list) else [head]
    kept = {id(module) for top in heads if isinstance(top, nn.Module) for module in top.modules()}
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, kinds) and id(module) not in kept
    }
