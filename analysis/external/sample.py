"""A decoded sample of a dataset's images on which models are tried and doctor compares."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from analysis.datasets.base import Split, stratified_sample
from analysis.datasets.decode import UnusableImageError
from analysis.errors import UserError
from analysis.filesystem.atomic import exists
from analysis.models.geometry import Geometry

_LABELS = "labels.npy"


@dataclass(frozen=True)
class Sample:
    """Decoded images in a local folder, at their own size, and their labels."""

    folder: Path
    n: int

    @property
    def label(self) -> npt.NDArray[np.int64]:
        """Class ids, (n,)."""
        return np.asarray(np.load(self.folder / _LABELS))

    def picture(self, index: int) -> Image.Image:
        """Return one image."""
        return Image.fromarray(np.load(self.folder / f"{index}.npy"))

    def pixels(self, geometry: Geometry, first: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the cached pixels of all or the first images, uint8 [n, C, H, W]."""
        n = self.n if first is None else min(first, self.n)
        cached = self.folder / f"pixels-{n}-{geometry.key}.npy"
        if exists(cached):
            return np.asarray(np.load(cached))
        pixels = np.stack([geometry.pixels(self.picture(index)) for index in range(n)])
        part = cached.with_suffix(f".{id(pixels)}.part.npy")
        np.save(part, pixels)
        part.replace(cached)
        return pixels


def write_sample(split: Split, folder: Path, n: int, *, random_seed: int = 0) -> Sample:
    """Decode a stratified sample of images in random order; leave out unusable ones.

    Raises
    ------
    UserError
        No image of the sample can be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_classes = len(np.unique(split.labels))
    indices = np.arange(len(split))
    if n_classes <= n < len(split):
        indices = stratified_sample(split.labels, n, random_seed=random_seed)
    indices = np.random.default_rng(random_seed).permutation(indices)[:n]
    label: list[int] = []
    reason = "it has none"
    for index in indices.tolist():
        try:
            image = split.images[index]
        except UnusableImageError as error:
            reason = f"{error}"
            continue
        np.save(folder / f"{len(label)}.npy", np.asarray(image))
        label.append(int(split.labels[index]))
    if not label:
        raise UserError(f"no usable image among {len(indices)} of those to evaluate: {reason}")
    np.save(folder / _LABELS, np.asarray(label, np.int64))
    return Sample(folder, len(label))
