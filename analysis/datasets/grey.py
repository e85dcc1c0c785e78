"""Choose one scale for all grey images of more than 8 bits of a dataset.

A 16-bit file may use 10, 12 or 16 of its bits without saying so. The scale is the smallest 2^b - 1
that holds the largest value of a sample of files; a scale per image would brighten dark ones.
"""

import io
import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO, TypeVar

import numpy as np

from analysis.datasets.base import (
    Dataset,
    EncodedImages,
    FileImages,
    Images,
    JoinedImages,
    PickedImages,
    Split,
)
from analysis.datasets.decode import GreyScale, deep_mode, largest_value
from analysis.errors import UserError
from analysis.filesystem.regular import open_regular

_BITS = (8, 10, 12, 14, 16)
_MOST_BITS = 32
# Number of files whose headers, and whose values, are read.
_HEADERS = 2_000
_LOOKED_AT = 256
# Floating-point values go to 1, or slightly above after resizing.
_HIGHEST_UNIT = 1.5
_NEVER_DEEP = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".avif", ".heic")
T = TypeVar("T")
Source = Callable[[], AbstractContextManager[IO[bytes]]]


def scaled(dataset: Dataset, max_value: float | None = None) -> Dataset:
    """Choose the divisor of grey values of more than 8 bits and add it to the notes.

    Datasets without such images are unchanged. Images of 8 bits keep 255.

    Parameters
    ----------
    dataset : Dataset
        The opened dataset.
    max_value : float, optional
        The value of white; by default it is estimated from a sample of the files.

    Raises
    ------
    UserError
        ``max_value`` is not above 0.
    """
    if max_value is not None and not (math.isfinite(max_value) and max_value > 0):
        raise UserError(f"--max-value {max_value:g}: expected a number above 0, the value of white")
    sources = _sample(_parts(dataset))
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # on odd headers; decoding reports real errors
        modes = list(pool.map(_mode, sources))
        found: dict[str, list[float]] = {}
        for mode in ("integers", "floats"):
            deep = [one for one, of in zip(sources, modes, strict=True) if of == mode]
            if deep:
                found[mode] = list(pool.map(_largest, _evenly(deep, _LOOKED_AT)))
    if not found:
        return dataset
    tops = {mode: _top(max(values), mode, max_value) for mode, values in found.items()}
    is_mixed = any(mode is None for mode in modes)
    notes = [_note(mode, tops[mode], found[mode], max_value) for mode in found]
    if is_mixed:
        notes.append(
            f"{sum(mode is None for mode in modes):,} of {len(modes):,} sampled files have 8 "
            "bits; their grey values are divided by 255"
        )
    grey = replace(GreyScale(), **tops)
    return replace(with_scale(dataset, grey), notes=(*dataset.notes, *notes))


def with_scale(dataset: Dataset, grey: GreyScale) -> Dataset:
    """Set the divisor of grey images of more than 8 bits in a dataset."""
    whole = dataset.whole
    return replace(
        dataset,
        train=_of_split(dataset.train, grey),
        test=_of_split(dataset.test, grey),
        whole=None if whole is None else _of_split(whole, grey),
        grey=grey,
    )


def _of_split(split: Split, grey: GreyScale) -> Split:
    return replace(split, images=_of_images(split.images, grey))


def _of_images(images: Images, grey: GreyScale) -> Images:
    if isinstance(images, EncodedImages | FileImages):
        return replace(images, grey=grey)
    if isinstance(images, JoinedImages):
        return JoinedImages(_of_images(images.first, grey), _of_images(images.second, grey))
    if isinstance(images, PickedImages):
        return replace(images, source=_of_images(images.source, grey))
    return images  # of 8 bits, or scaled by their own kind


def _parts(dataset: Dataset) -> list[Images]:
    if dataset.whole is not None:
        return [dataset.whole.images]
    return [dataset.train.images, dataset.test.images]


def _sample(parts: list[Images]) -> list[Source]:
    """Return an even sample of the files that may have more than 8 bits."""
    candidates: list[tuple[Images, int]] = []
    for images in parts:
        if isinstance(images, FileImages):
            candidates += [
                (images, i)
                for i, path in enumerate(images.paths)
                if not path.lower().endswith(_NEVER_DEEP)
            ]
        elif isinstance(images, EncodedImages):
            candidates += [(images, i) for i in range(len(images))]
    return [_source(images, i) for images, i in _evenly(candidates, _HEADERS)]


def _evenly(items: list[T], most: int) -> list[T]:
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]


def _source(images: Images, index: int) -> Source:
    if isinstance(images, FileImages):
        path = images.root / images.paths[index]
        return lambda: open_regular(path)
    assert isinstance(images, EncodedImages)
    return lambda: io.BytesIO(images.content[index].as_py() or b"")


def _mode(source: Source) -> str | None:
    try:
        with source() as file:
            return deep_mode(file)
    except OSError:
        return None


def _largest(source: Source) -> float:
    try:
        with source() as file:
            return largest_value(file)
    except OSError:
        return 0.0


def _top(largest: float, mode: str, max_value: float | None) -> float:
    if mode == "floats" and largest <= _HIGHEST_UNIT:
        # With integer images, --max-value applies to these.
        return 1.0 if max_value is None or max_value > 2 * _HIGHEST_UNIT else max_value
    if max_value is not None:
        return max_value
    bits = next((b for b in _BITS if largest <= 2**b - 1), None)
    if bits is None:
        bits = min(max(math.ceil(math.log2(largest + 1)), _BITS[-1]), _MOST_BITS)
    return float(2**bits - 1)


def _note(mode: str, top: float, values: list[float], max_value: float | None) -> str:
    what = "whole numbers of more than 8 bits" if mode == "integers" else "floating-point numbers"
    how = (
        f"the smallest 2^b - 1 that holds the largest value of {len(values):,} of them, "
        f"{max(values):,.6g}; --max-value N divides by N"
    )
    if max_value is not None and top == max_value:
        how = f"from --max-value; the largest value of {len(values):,} of them is " + (
            f"{max(values):,.6g}"
        )
    elif mode == "floats" and top == 1:
        how = f"the largest value of {len(values):,} of them is {max(values):,.6g}"
    return f"grey images of {what}: all are divided by {top:,.6g} ({how})"
