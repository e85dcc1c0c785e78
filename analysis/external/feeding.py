"""How external models are fed: from options and declarations to the pixels of their input."""

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
    """How a model is fed, every field of it, and where each choice came from."""

    feeding: Feeding
    sources: dict[str, str]

    def geometry(self, way: Input) -> Geometry:
        """Return the pixels that an input takes."""
        feeding = self.feeding
        return Geometry(
            way.size,
            way.channels,
            feeding.resize or "crop",
            feeding.crop_pct,
            feeding.interpolation or "bicubic",
        )

    def explicit(self) -> Feeding:
        """Return what did not come about by default."""
        return Feeding(**{
            one.name: getattr(self.feeding, one.name)
            for one in fields(Feeding)
            if self.sources.get(one.name, _DEFAULT) != _DEFAULT
        })  # fmt: skip


def decide(
    signature: Signature,
    way: Input,
    asked: FeedingOptions,
    statistics: Statistics,
    dense: Decided | None = None,
) -> Decided:
    """Decide how a model is fed.

    An option wins, then what the model says, then what its dense model is fed, then the default:
    the centre of the picture, bicubic, RGB, minus mean over standard deviation of the training
    pixels. The value range and what normalizes it are one choice.

    Parameters
    ----------
    signature, way
        The model, and its input.
    asked : FeedingOptions
    statistics : callable
        Mean and standard deviation of training pixels of a geometry; called where needed.
    dense : Decided, optional
        Of the dense model that this one was made from.
    """
    sources: dict[str, str] = {}
    chosen: dict[str, Any] = {}
    of_dense = Feeding() if dense is None else dense.explicit()
    said = signature.said_by or "the model"
    options = Feeding(
        resize=asked.resize, crop_pct=asked.crop_pct, interpolation=asked.interpolation,
        channels=asked.channels,
    )  # fmt: skip
    defaults = {"resize": "crop", "crop_pct": None, "interpolation": "bicubic", "channels": "rgb"}
    places = ((options, "as asked"), (signature.says, said), (of_dense, "as dense"))
    for name, default in defaults.items():
        found = next(
            ((getattr(one, name), by) for one, by in places if getattr(one, name) is not None),
            (default, _DEFAULT),
        )
        chosen[name], sources[name] = found
    if chosen["resize"] != "crop" and chosen["crop_pct"] is None:
        chosen["crop_pct"] = 1.0
    if asked.resize in ("squash", "pad"):
        chosen["crop_pct"] = 1.0
    geometry = Geometry(way.size, way.channels, **{
        name: chosen[name] for name in ("resize", "crop_pct", "interpolation")
    })  # fmt: skip
    by, values = _range(signature, asked, of_dense, statistics, geometry)
    chosen |= values
    sources |= dict.fromkeys(_RANGE, by)
    sources["size"] = _DEFAULT if signature.says.size is None else said
    return Decided(Feeding(size=way.size, layout=way.layout, **chosen), sources)


def _range(
    signature: Signature,
    asked: FeedingOptions,
    dense: Feeding,
    statistics: Statistics,
    geometry: Geometry,
) -> tuple[str, dict[str, Any]]:
    """Value range, mean and standard deviation, and where they came from."""
    plain = {"mean": (0.0,), "std": (1.0,)}
    said, by = signature.says, signature.said_by or "the model"
    if signature.takes_integers:
        return "its type", {"pixels": "0..255", **plain}
    if asked.mean is not None and asked.std is not None:
        return "as asked", {"pixels": asked.pixels or "0..1", "mean": asked.mean, "std": asked.std}
    if asked.named in ("imagenet", "0.5", "none"):
        mean, std = {"imagenet": IMAGENET, "0.5": ((0.5,), (0.5,)), "none": ((0.0,), (1.0,))}[
            asked.named
        ]
        return "as asked", {"pixels": asked.pixels or "0..1", "mean": mean, "std": std}
    if asked.pixels is not None and asked.named is None:
        return "as asked", {"pixels": asked.pixels, **plain}
    if asked.named is None:
        for one, source in ((said, by), (dense, "as dense")):
            if one.pixels is not None or one.mean is not None:
                return source, {
                    "pixels": one.pixels or "0..1",
                    "mean": one.mean or (0.0,),
                    "std": one.std or (1.0,),
                }
    mean, std = statistics(geometry)
    source = _DEFAULT if asked.named is None else "as asked"
    return source, {"pixels": asked.pixels or "0..1", "mean": mean, "std": std}


def per_channel(values: Numbers, channels: int) -> Numbers:
    """Values a channel; of one for several channels the mean, as grey is the mean of colours."""
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels


def scale(feeding: Feeding, channels: int) -> tuple[Array, Array]:
    """Offset and factor a colour of value = (pixel - offset) * factor, pixels from 0 to 255.

    float32 throughout, as everywhere a model is fed here.
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
    """Pixels uint8 [N, C, H, W], red first, as a model takes them."""
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
    """Name what a model is fed otherwise than its dense one."""
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
    """Write the value range and what normalizes it."""
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
    """Write how a picture is brought to the input's size."""
    feeding = decided.feeding
    if feeding.resize == "crop":
        share = "" if feeding.crop_pct is None else f" ({feeding.crop_pct:g})"
        how = f"centre crop{share}"
    else:
        how = {"squash": "squashed", "pad": "padded"}[feeding.resize or "squash"]
    colours = ", blue first" if feeding.channels == "bgr" else ""
    return f"{how}, {feeding.interpolation}{colours}"
