"""Feed external models: decide the preprocessing from options and declarations, and apply it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from analysis.external.model import Array, Feeding
from analysis.external.options import FeedingOptions
from analysis.external.signature import Input, Signature
from analysis.models.geometry import Geometry

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
Numbers = tuple[float, ...]
Statistics = Callable[[Geometry], tuple[Numbers, Numbers]]

_RANGE = ("pixels", "mean", "std")
_DEFAULT = "by default"
_NAMES = {
    "size": "size", "resize": "resizing", "crop_pct": "crop", "interpolation": "interpolation",
    "channels": "order of colours",
}  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """The complete feeding of a model and the source of each choice."""

    feeding: Feeding
    sources: dict[str, str]

    def geometry(self, form: Input) -> Geometry:
        """Return the geometry of the input's pixels."""
        feeding = self.feeding
        return Geometry(
            form.size,
            form.channels,
            feeding.resize or "crop",
            feeding.crop_pct,
            feeding.interpolation or "bicubic",
        )

    def explicit(self) -> Feeding:
        """Return the fields that are not defaults."""
        return Feeding(**{
            one.name: getattr(self.feeding, one.name)
            for one in fields(Feeding)
            if self.sources.get(one.name, _DEFAULT) != _DEFAULT
        })  # fmt: skip


def decide(
    signature: Signature,
    form: Input,
    options: FeedingOptions,
    statistics: Statistics,
    dense: Decided | None = None,
) -> Decided:
    """Decide how a model is fed.

    Options win, then the model's declaration, then the feeding of its dense model, then the
    default: centre crop, bicubic, RGB, normalized by mean and standard deviation of the training
    pixels. The value range and its normalization are one choice.

    Parameters
    ----------
    signature, form
        The model, and its input.
    options : FeedingOptions
    statistics : callable
        Returns mean and standard deviation of the training pixels for a geometry.
    dense : Decided, optional
        Feeding of the dense model that this one was made from.
    """
    sources: dict[str, str] = {}
    chosen: dict[str, Any] = {}
    from_dense = Feeding() if dense is None else dense.explicit()
    declared_in = signature.declared_in or "the model"
    from_options = Feeding(
        resize=options.resize, crop_pct=options.crop_pct, interpolation=options.interpolation,
        channels=options.channels,
    )  # fmt: skip
    defaults = {"resize": "crop", "crop_pct": None, "interpolation": "bicubic", "channels": "rgb"}
    places = (
        (from_options, "as asked"),
        (signature.declared, declared_in),
        (from_dense, "as dense"),
    )
    for name, default in defaults.items():
        choice = next(
            ((getattr(one, name), by) for one, by in places if getattr(one, name) is not None),
            (default, _DEFAULT),
        )
        chosen[name], sources[name] = choice
    if chosen["resize"] != "crop" and chosen["crop_pct"] is None:
        chosen["crop_pct"] = 1.0
    if options.resize in ("squash", "pad"):
        chosen["crop_pct"] = 1.0
    geometry = Geometry(form.size, form.channels, **{
        name: chosen[name] for name in ("resize", "crop_pct", "interpolation")
    })  # fmt: skip
    by, values = _range(signature, options, from_dense, statistics, geometry)
    chosen |= values
    sources |= dict.fromkeys(_RANGE, by)
    sources["size"] = _DEFAULT if signature.declared.size is None else declared_in
    return Decided(Feeding(size=form.size, layout=form.layout, **chosen), sources)


def _range(
    signature: Signature,
    options: FeedingOptions,
    dense: Feeding,
    statistics: Statistics,
    geometry: Geometry,
) -> tuple[str, dict[str, Any]]:
    """Return the source of value range, mean and standard deviation, and their values."""
    plain = {"mean": (0.0,), "std": (1.0,)}
    declared, by = signature.declared, signature.declared_in or "the model"
    if signature.takes_integers:
        return "its type", {"pixels": "0..255", **plain}
    if options.mean is not None and options.std is not None:
        return "as asked", {
            "pixels": options.pixels or "0..1",
            "mean": options.mean,
            "std": options.std,
        }
    if options.named in ("imagenet", "0.5", "none"):
        mean, std = {"imagenet": IMAGENET, "0.5": ((0.5,), (0.5,)), "none": ((0.0,), (1.0,))}[
            options.named
        ]
        return "as asked", {"pixels": options.pixels or "0..1", "mean": mean, "std": std}
    if options.pixels is not None and options.named is None:
        return "as asked", {"pixels": options.pixels, **plain}
    if options.named is None:
        for one, source in ((declared, by), (dense, "as dense")):
            if one.pixels is not None or one.mean is not None:
                return source, {
                    "pixels": one.pixels or "0..1",
                    "mean": one.mean or (0.0,),
                    "std": one.std or (1.0,),
                }
    mean, std = statistics(geometry)
    source = _DEFAULT if options.named is None else "as asked"
    return source, {"pixels": options.pixels or "0..1", "mean": mean, "std": std}


def per_channel(values: Numbers, channels: int) -> Numbers:
    """Return one value a channel; if the numbers differ, their mean, as grey is that of colours."""
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels


def scale(feeding: Feeding, channels: int) -> tuple[Array, Array]:
    """Return offset and factor per colour: value = (pixel - offset) * factor, pixels 0 to 255.

    Computed in float32 throughout.
    """
    mean = per_channel(feeding.mean or (0.0,), channels)
    std = per_channel(feeding.std or (1.0,), channels)
    if feeding.pixels == "-1..1":
        mean, std = (0.5,) * channels, (0.5,) * channels
    full = np.float32(255)
    factor = 1 / (np.asarray(std, np.float32) * full)
    if feeding.pixels == "0..255":
        factor = 1 / np.asarray(std, np.float32)
    return np.asarray(mean, np.float32) * full, factor


def fed(pixels: Array, signature: Signature, feeding: Feeding, layout: str) -> Array:
    """Convert pixels, uint8 [N, C, H, W], RGB, to a model's input array."""
    images: Any = pixels[:, ::-1] if feeding.channels == "bgr" else pixels
    if signature.dtype == "int8" and signature.quantization is None:
        images = (images.astype(np.int16) - 128).astype(np.int8)
    elif signature.dtype != "uint8":
        offset, factor = scale(feeding, pixels.shape[1])
        order = slice(None, None, -1) if feeding.channels == "bgr" else slice(None)
        images = images.astype(np.float32)
        images -= offset[order, None, None]
        images *= factor[order, None, None]
        if signature.dtype == "int8":
            step, zero = signature.quantization or (1.0, 0)
            images = np.clip(np.rint(images / step + zero), -128, 127)
        images = images.astype(signature.dtype, copy=False)
    if layout == "NHWC":
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images)


def differences(of: Decided, dense: Decided, *, takes_integers: bool) -> list[str]:
    """List how a model's feeding differs from that of its dense model."""
    one, other = of.feeding, dense.feeding
    found = [
        f"{words} {_shown(getattr(one, name))} where dense has {_shown(getattr(other, name))}"
        for name, words in _NAMES.items()
        if _plain(getattr(one, name)) != _plain(getattr(other, name))
    ]
    if not takes_integers and dense.sources["pixels"] != "its type":
        ours, theirs = scale(one, 3), scale(other, 3)
        if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-4):
            found.append(f"{values_of(of)} where dense has {values_of(dense)}")
    return found


def _plain(value: Any) -> Any:
    return 1.0 if value is None else value


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return "1" if value is None else f"{value}"


def values_of(decided: Decided) -> str:
    """Describe the value range and normalization."""
    feeding = decided.feeding
    if decided.sources["pixels"] == "its type":
        return "pixels from 0 to 255 as they are"
    mean, std = feeding.mean or (0.0,), feeding.std or (1.0,)
    if set(mean) == {0.0} and set(std) == {1.0}:
        return f"pixels scaled to {feeding.pixels}"
    top = "" if feeding.pixels == "0..1" else ", times 255"
    return f"pixels scaled to 0..1, minus {_numbers(mean)} over {_numbers(std)}{top}"


def _numbers(values: Numbers) -> str:
    values = values[:1] if len(set(values)) == 1 else values
    return " ".join(f"{value:.4g}" for value in values)


def geometry_of(decided: Decided) -> str:
    """Describe how images are resized to the input."""
    feeding = decided.feeding
    if feeding.resize == "crop":
        share = "" if feeding.crop_pct is None else f" ({feeding.crop_pct:g})"
        how = f"centre crop{share}"
    else:
        how = {"squash": "squashed", "pad": "padded"}[feeding.resize or "squash"]
    colours = ", blue first" if feeding.channels == "bgr" else ""
    return f"{how}, {feeding.interpolation}{colours}"
