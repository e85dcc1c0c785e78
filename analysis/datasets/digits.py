"""Open ``digits`` and ``digits-longtail``, scikit-learn's 1,797 handwritten digits, 8 x 8 grey."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter

from analysis.datasets.base import ArrayImages, Dataset, Split, stratified_split
from analysis.datasets.registry import register
from analysis.errors import UserError

CLASS_NAMES = tuple(str(digit) for digit in range(10))
PLANTED = ("label_noise", "blur", "noise", "occlusion", "inverted")
PLANTED_SHARE = 0.05
IMBALANCE = 10.0
_RANDOM_SEED = 20191113

Pixels = npt.NDArray[np.uint8]


def _load() -> tuple[Pixels, npt.NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.round(bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.int64)


def _no_place(kind: str, place: str | None) -> None:
    if place is not None:
        raise UserError(f"dataset '{kind}:{place}': {kind} is embedded and takes no folder")


@register("digits")
def open_digits(place: str | None) -> Dataset:
    """Open the digits with a stratified split, 30 % for test."""
    _no_place("digits", place)
    pixels, labels = _load()
    train, test = stratified_split(labels, test_share=0.3)
    return Dataset(
        CLASS_NAMES,
        Split(ArrayImages(pixels[train]), labels[train]),
        Split(ArrayImages(pixels[test]), labels[test]),
        channels=1,
        native_size=(8, 8),
        whole=Split(ArrayImages(pixels), labels),
    )


@register("digits-longtail", has_tail=True)
def open_digits_longtail(place: str | None) -> Dataset:
    """Open the digits with a long-tailed train split and planted difficulties in the test split.

    Train: class c keeps a share ``10^(-c/9)`` of its images, so digit 9 has a tenth of digit 0.
    Test (40 % of all, balanced): each difficulty of ``PLANTED`` falls on 5 % of the images, drawn
    from a fixed random seed, and is recorded in ``meta_planted``; ``meta_clean_label`` is the true
    digit, which differs from the label exactly under ``label_noise``.

    ``pool`` holds the 60 % that the train split is drawn from, by class in the order drawn.
    """
    _no_place("digits-longtail", place)
    pixels, labels = _load()
    train, test = stratified_split(labels, test_share=0.4)
    generator = np.random.default_rng(_RANDOM_SEED)
    drawn = [generator.permutation(train[labels[train] == c]) for c in range(10)]
    train = np.sort(np.concatenate([drawn[c][: _kept(c, len(drawn[c]))] for c in range(10)]))
    pool = np.concatenate(drawn)
    test_pixels, test_labels = pixels[test].copy(), labels[test].copy()
    planted = _plant(test_pixels, test_labels, generator)
    metadata = pd.DataFrame({"meta_planted": planted, "meta_clean_label": labels[test]})
    return Dataset(
        CLASS_NAMES,
        Split(ArrayImages(pixels[train]), labels[train]),
        Split(ArrayImages(test_pixels), test_labels, metadata=metadata),
        channels=1,
        native_size=(8, 8),
        pool=Split(ArrayImages(pixels[pool]), labels[pool]),
    )


def _kept(class_id: int, n_members: int) -> int:
    return round(n_members * IMBALANCE ** (-class_id / 9))


def _plant(
    pixels: Pixels, labels: npt.NDArray[np.int64], generator: np.random.Generator
) -> list[str]:
    """Change pixels and labels in place; return the planted difficulty of each image."""
    planted = ["none"] * len(labels)
    count = round(len(labels) * PLANTED_SHARE)
    order = generator.permutation(len(labels))
    for index, kind in enumerate(PLANTED):
        for i in order[index * count : (index + 1) * count]:
            planted[i] = kind
            if kind == "label_noise":
                labels[i] = (labels[i] + generator.integers(1, 10)) % 10
            else:
                pixels[i] = _CHANGES[kind](pixels[i], generator)
    return planted


def _blur(image: Pixels, _: np.random.Generator) -> Pixels:
    return gaussian_filter(image.astype(np.float64), sigma=1.2).round().astype(np.uint8)


def _noise(image: Pixels, generator: np.random.Generator) -> Pixels:
    return (image + generator.normal(0, 70, image.shape)).clip(0, 255).astype(np.uint8)


def _occlusion(image: Pixels, generator: np.random.Generator) -> Pixels:
    changed = image.copy()
    row, column = generator.integers(1, 4, 2)
    changed[row : row + 4, column : column + 4] = 0
    return changed


def _inverted(image: Pixels, _: np.random.Generator) -> Pixels:
    return 255 - image


_CHANGES: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "blur": _blur,
    "noise": _noise,
    "occlusion": _occlusion,
    "inverted": _inverted,
}
