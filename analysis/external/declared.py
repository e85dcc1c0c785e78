"""Read the preprocessing that models and the files beside them declare, in each tool's terms.

Unreadable declarations count as absent: text in a model's metadata is data, never code.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from analysis.external.model import Feeding, Size
from analysis.models.geometry import CROP_MODES, INTERPOLATIONS
from analysis.outputs.label_space import names_in

_MOST_BYTES = 16 * 2**20
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_NORMALIZED = ("pixels", "mean", "std")
# Resizing rules of particular image processors of transformers.
_CONVNEXT_SQUASHES_FROM = 384
_CONVNEXT_CROP = 224 / 256
_LEVIT_CROP = 224 / 256
# For these a bare number is the shorter side, for all others both sides.
_BY_SHORTER_SIDE = ("CLIP", "ConvNext", "Levit", "MobileNet", "PoolFormer")


def of_timm(config: Mapping[str, Any]) -> Feeding:
    """Read the preprocessing in a pretrained configuration of timm."""
    sides = _numbers(config.get("input_size"))
    size = (int(sides[1]), int(sides[2])) if sides is not None and len(sides) == 3 else None
    return Feeding(
        size=size,
        resize=CROP_MODES.get(str(config.get("crop_mode") or "center")),
        crop_pct=_share(config.get("crop_pct")),
        interpolation=_interpolation(config.get("interpolation")),
        channels="rgb",
        mean=_numbers(config.get("mean")),
        std=_numbers(config.get("std")),
    )


def of_preprocessor(config: Mapping[str, Any]) -> Feeding:
    """Read a ``preprocessor_config.json`` of any image processor of transformers."""
    if isinstance(config.get("image_processor"), Mapping):
        config = config["image_processor"]
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    size, resize, crop_pct = _resized(config, kind)
    flips = config.get("do_flip_channel_order", config.get("do_flip_channels"))
    if flips is None and kind.startswith("MobileViT"):
        flips = True
    found = Feeding(
        size=size,
        resize=resize,
        crop_pct=crop_pct,
        interpolation=_interpolation(config.get("resample")),
        channels=None if flips is None else ("bgr" if flips else "rgb"),
    )
    return _scaled(found, config, kind)


def _resized(config: Mapping[str, Any], kind: str) -> tuple[Size | None, str | None, float | None]:
    """Return input size, resize mode and crop share of an image processor."""
    if config.get("do_resize") is False:
        size = _sides(config.get("crop_size")) if config.get("do_center_crop") else None
        return size, "crop" if size else None, None
    resized = _sides(config.get("size"))
    if resized is None:
        return None, None, None
    shortest = _is_shorter_side(config.get("size"), kind)
    if kind.startswith("ConvNext"):
        if resized[0] >= _CONVNEXT_SQUASHES_FROM:
            return resized, "squash", 1.0
        return resized, "crop", _share(config.get("crop_pct")) or _CONVNEXT_CROP
    cropped = _sides(config.get("crop_size")) if config.get("do_center_crop") else None
    if kind.startswith("Levit") and cropped is not None:
        return cropped, "crop", _LEVIT_CROP
    if kind.startswith("PoolFormer") and cropped is not None:
        return cropped, "crop", _share(config.get("crop_pct"))
    if cropped is None:
        share = _share(config.get("crop_pct"))
        is_crop = shortest or share is not None
        return resized, "crop" if is_crop else "squash", share or 1.0
    share = cropped[0] / resized[0]
    return cropped, "crop" if shortest else "squash", share if share <= 1 else None


def _sides(value: Any) -> Size | None:
    """Parse a number, a pair or a mapping as height and width."""
    if isinstance(value, Mapping):
        edge = value.get("shortest_edge")
        value = (value.get("height", edge), value.get("width", edge))
    elif isinstance(value, int | float):
        value = (value, value)
    sides = _numbers(value)
    if sides is None or len(sides) != 2 or min(sides) < 1:
        return None
    return int(sides[0]), int(sides[1])


def _is_shorter_side(value: Any, kind: str) -> bool:
    """Return whether a size is that of the shorter side, not of both."""
    if isinstance(value, Mapping):
        return value.get("shortest_edge") is not None
    return kind.startswith(_BY_SHORTER_SIDE)


def _scaled(feeding: Feeding, config: Mapping[str, Any], kind: str) -> Feeding:
    """Add value range, mean and standard deviation, in units of pixels from 0 to 1."""
    factor = _number(config.get("rescale_factor"))
    factor = 1 / 255 if factor is None else factor
    span = 255 * factor if config.get("do_rescale", True) else 255.0
    shift = -1.0 if config.get("rescale_offset") else 0.0
    mean, std = _numbers(config.get("image_mean")), _numbers(config.get("image_std"))
    if config.get("do_normalize") is False or mean is None or std is None:
        if config.get("do_normalize") is None and mean is None and "do_rescale" not in config:
            return feeding
        ranges = {(1.0, 0.0): "0..1", (255.0, 0.0): "0..255", (2.0, -1.0): "-1..1"}
        pixels = ranges.get((round(span, 4), shift))
        if pixels is not None:
            return replace(feeding, pixels=pixels)
        return replace(feeding, mean=(-shift / span,), std=(1 / span,))
    if kind.startswith("EfficientNet") and config.get("include_top"):
        std = tuple(s * s for s in std)
    return replace(
        feeding,
        mean=tuple((m - shift) / span for m in mean),
        std=tuple(s / span for s in std),
    )


def of_metadata(metadata: Mapping[str, str]) -> Feeding:
    """Read the preprocessing in an ONNX file's metadata.

    Known keys are ``imgsz`` and ``input_size``, ``mean`` and ``std`` (of pixels from 0 to 1, or to
    255), ``crop_pct``, ``interpolation``, ``crop_mode``, ``color_space`` and the metadata of
    Ultralytics' classifiers.
    """
    values = {key.lower(): literal(text) for key, text in metadata.items()}
    sides = values.get("imgsz", values.get("input_size", values.get("image_size")))
    numbers = _numbers(sides)
    if numbers is not None and len(numbers) == 1:
        sides = numbers[0]
    elif numbers is not None and len(numbers) > 2:
        sides = numbers[-2:]
    mean = _numbers(values.get("mean", values.get("image_mean")))
    std = _numbers(values.get("std", values.get("image_std")))
    colours = str(values.get("color_space", values.get("channel_order", ""))).lower()
    feeding = Feeding(
        size=_sides(sides),
        resize=CROP_MODES.get(str(values.get("crop_mode")).lower()),
        crop_pct=_share(values.get("crop_pct")),
        interpolation=_interpolation(values.get("interpolation")),
        channels=colours if colours in ("rgb", "bgr") else None,
    )
    is_ultralytics = "ultralytics" in str(values.get("author", "")).lower()
    if is_ultralytics and values.get("task") == "classify" and mean is None:
        return merged(
            feeding,
            Feeding(resize="crop", crop_pct=1.0, interpolation="bilinear", pixels="0..1"),
        )
    return normalized(feeding, mean, std)


def normalized(
    feeding: Feeding, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> Feeding:
    """Add mean and standard deviation, in pixels from 0 to 1, or to 255 if any is above 2."""
    if mean is None or std is None or len(mean) not in (1, 3) or len(std) not in (1, 3):
        return feeding
    if min(std) <= 0:
        return feeding
    if max(*mean, *std) > 2:
        if max(map(abs, mean)) < 1e-9 and max(std) < 1.5:
            return replace(feeding, pixels="0..255")
        mean, std = tuple(m / 255 for m in mean), tuple(s / 255 for s in std)
    return replace(feeding, mean=mean, std=std)


def range_of(scale: float, zero_point: int, lowest: int, highest: int) -> str | None:
    """Return the pixel range that an integer input represents, within two steps; else None.

    Parameters
    ----------
    scale, zero_point
        value = scale * (integer - zero point).
    lowest, highest : int
        Range of the integers.
    """
    low, high = scale * (lowest - zero_point), scale * (highest - zero_point)
    for name, (least, most) in {"0..255": (0, 255), "0..1": (0, 1), "-1..1": (-1, 1)}.items():
        if abs(low - least) <= 2 * scale and abs(high - most) <= 2 * scale:
            return name
    return None


def merged(first: Feeding, second: Feeding) -> Feeding:
    """Merge two declarations; the first wins. Range, mean and deviation are taken together."""
    is_scaled = any(getattr(first, name) is not None for name in _NORMALIZED)
    filled = {
        one.name: getattr(second, one.name)
        for one in fields(Feeding)
        if getattr(first, one.name) is None and not (is_scaled and one.name in _NORMALIZED)
    }
    return replace(first, **filled)


def class_names_in(value: Any) -> tuple[str, ...]:
    """Read class names from a metadata text or value; return () if there are none.

    A text is JSON, a Python literal (``{0: 'cat'}``), or names separated by commas or lines.
    """
    if isinstance(value, str):
        value = literal(value)
        if isinstance(value, str):
            separator = "\n" if "\n" in value.strip() else ","
            parts = [part.strip() for part in value.strip().split(separator)]
            return tuple(parts) if len(parts) > 1 and all(parts) else ()
    if isinstance(value, dict):
        # Keys are texts in JSON, maybe numbers in a Python literal.
        value = {k if isinstance(k, int | str) else str(k): v for k, v in value.items()}
    if isinstance(value, tuple):
        value = list(value)
    try:
        return names_in(value)
    except (ValueError, TypeError):
        return ()


def names_of_metadata(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Read the class names in an ONNX file's metadata; return () if there are none."""
    for key in ("names", "id2label", "class_names", "classes", "labels", "label2id"):
        text = next((text for name, text in metadata.items() if name.lower() == key), None)
        names = () if text is None else class_names_in(text)
        if names:
            return names
    return ()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; return {} if it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def beside(folder: Path) -> tuple[Feeding, str, tuple[str, ...]]:
    """Read what the files of a Hugging Face model in a folder declare.

    Returns
    -------
    Feeding, str, tuple of str
        Its preprocessing, the file that declares it, and its class names; empty without files.
    """
    config = read_json(folder / "config.json")
    names = class_names_in(config) if "id2label" in config or "label2id" in config else ()
    if names == tuple(f"LABEL_{i}" for i in range(len(names))):
        names = ()  # the placeholder names of transformers
    for file in ("preprocessor_config.json", "processor_config.json"):
        found = of_preprocessor(read_json(folder / file))
        if found != Feeding():
            return found, file, names
    cfg = config.get("pretrained_cfg")
    if isinstance(cfg, dict):
        return of_timm(cfg), "config.json", names or class_names_in(cfg.get("label_names"))
    return Feeding(), "", names


def literal(text: str) -> Any:
    """Parse a text as JSON or a Python literal, else return it unchanged."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return text


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def _numbers(value: Any) -> tuple[float, ...] | None:
    """Parse a number, a list of numbers, or a text of numbers with spaces or commas."""
    if isinstance(value, str):
        parts = value.replace(",", " ").split()
        value = [literal(part) for part in parts]
    if not isinstance(value, Iterable):
        value = [value]
    numbers = [_number(one) for one in value]
    if not numbers or any(one is None for one in numbers):
        return None
    return tuple(one for one in numbers if one is not None)


def _share(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 < number <= 1 else None


def _interpolation(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return _RESAMPLING.get(value)
    name = str(value).lower()
    name = name.removesuffix("_sw").removesuffix("_nosw")
    return next((one for one in INTERPOLATIONS if name.startswith(one)), None)
