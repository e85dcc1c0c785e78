"""Open ``timm:NAME[:CHECKPOINT]``, a timm model with its pretrained weights or those of a file.

Classes and channels come from the weights, size and transform from timm's configuration.
"""

import hashlib
from typing import Any

from safetensors.torch import save

from analysis.errors import UserError
from analysis.external.declared import class_names_in, merged, of_timm
from analysis.external.model import Feeding, Loaded, Needed
from analysis.external.registry import register
from analysis.external.session import session_options
from analysis.external.torch_modules import figures_of_module, runner, to_device
from analysis.models.checkpoint import classes_and_channels, read_checkpoint
from analysis.models.factory import create, resolve, start
from analysis.models.library import import_timm
from analysis.models.penultimate import module_features


@register("timm")
def open_timm(where: str, needed: Needed) -> Loaded:
    """Create a model with weights that fit it completely; unpickle nothing but tensors.

    Raises
    ------
    UserError
        timm does not know the model, or its weights are unavailable or do not fit.
    """
    session_options(needed.session_options, {}, "a model of timm")
    name, _, checkpoint = where.partition(":")
    try:
        n_classes, channels = _of_weights(name, checkpoint, needed)
        spec = resolve(
            name,
            n_classes,
            channels,
            image_size=needed.input_size,
            native_size=needed.native_size,
            pretrained=not checkpoint,
            checkpoint=checkpoint or None,
        )
        model, note = start(spec)
    except UserError as error:
        text = str(error).replace("--checkpoint FILE takes", "timm:NAME:CHECKPOINT takes")
        text = text.replace("--image-size", "--input-size").replace("--pretrained: ", "")
        raise UserError(text.replace("--checkpoint ", "")) from None
    if note is not None:
        raise UserError(f"{note}; expected the weights of a complete classifier with its head")
    digest = spec.weights_sha256
    if digest is None:
        state = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        digest = hashlib.sha256(save(state)).hexdigest()
    model.eval()
    figures = figures_of_module(model)
    cfg = dict(getattr(model, "pretrained_cfg", None) or {})
    own = Feeding(size=spec.image_size, mean=spec.mean, std=spec.std)
    names: tuple[str, ...] = ()
    if not checkpoint or n_classes != needed.n_classes:
        names = _class_names(cfg, n_classes)
    return Loaded(
        runner(to_device(model, needed.device), needed.device),
        digest,
        figures,
        (None, channels, None, None),
        declared=merged(own, _transform(cfg)) if cfg.get("mean") is not None else own,
        declared_in="timm",
        class_names=names,
        penultimate=lambda _: module_features(model, needed.device),
    )


def _of_weights(name: str, checkpoint: str, needed: Needed) -> tuple[int, int]:
    """Return classes and channels of the weights, or the data's if unknown."""
    timm = import_timm()
    if not checkpoint:
        cfg = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
        found = {} if cfg is None else cfg.to_dict()
        classes, sides = found.get("num_classes"), found.get("input_size")
        return classes or needed.n_classes, sides[0] if sides else needed.channels
    probe = resolve(
        name,
        needed.n_classes,
        needed.channels,
        image_size=needed.input_size,
        native_size=needed.native_size,
    )
    n_classes, channels = classes_and_channels(create(probe), read_checkpoint(checkpoint))
    return n_classes or needed.n_classes, channels or needed.channels


def _transform(cfg: dict[str, Any]) -> Feeding:
    """Read the transform that timm evaluates a model with, including timm's defaults."""
    data = import_timm().data.resolve_data_config({}, pretrained_cfg=cfg)
    return of_timm(data)


def _class_names(cfg: dict[str, Any], n_classes: int) -> tuple[str, ...]:
    """Return the class names of timm's configuration, else ImageNet's."""
    names = class_names_in(list(cfg.get("label_names") or ()))
    if len(names) == n_classes:
        return names
    data = import_timm().data
    try:
        subset = data.infer_imagenet_subset(cfg)
        if subset is None:
            return ()
        info = data.ImageNetInfo(subset)
        if info.num_classes() != n_classes:
            return ()
        ids = info.label_names()
        return tuple(f"{info.index_to_description(i)}, {one}" for i, one in enumerate(ids))
    except (AttributeError, KeyError, OSError, ValueError):
        return ()
