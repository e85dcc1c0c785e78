"""Some images of a dataset, decoded once, that models are tried on and doctor compares."""

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
    """Decoded pictures in a folder of this machine, at their own size, and their labels."""

    folder: Path
    n: int

    @property
    def label(self) -> npt.NDArray[np.int64]:
        """Class ids, (n,)."""
        return np.asarray(np.load(self.folder / _LABELS))

    def picture(self, place: int) -> Image.Image:
        """One picture."""
        return Image.fromarray(np.load(self.folder / f"{place}.npy"))

    def pixels(self, geometry: Geometry, first: int | None = None) -> npt.NDArray[np.uint8]:
        """Pixels uint8 [n, C, H, W], of all pictures or of the first ones; kept for the next."""
        n = self.n if first is None else min(first, self.n)
        kept = self.folder / f"pixels-{n}-{geometry.key}.npy"
        if exists(kept):
            return np.asarray(np.load(kept))
        pixels = np.stack([geometry.pixels(self.picture(place)) for place in range(n)])
        part = kept.with_suffix(f".{id(pixels)}.part.npy")
        np.save(part, pixels)
        part.replace(kept)
        return pixels


def write_sample(split: Split, folder: Path, n: int, *, random_seed: int = 0) -> Sample:
    """Decode some images, drawn by class, in an order of no class; unusable ones are left out.

    Raises
    ------
    UserError
        None of them can be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_classes = len(np.unique(split.labels))
    places = np.arange(len(split))
    if n_classes <= n < len(split):
        places = stratified_sample(split.labels, n, random_seed=random_seed)
    places = np.random.default_rng(random_seed).permutation(places)[:n]
    label: list[int] = []
    reason = "it has none"
    for place in places.tolist():
        try:
            image = split.images[place]
        except UnusableImageError as error:
            reason = f"{error}"
            continue
        np.save(folder / f"{len(label)}.npy", np.asarray(image))
        label.append(int(split.labels[place]))
    if not label:
        raise UserError(f"no usable image among {len(places)} of those to evaluate: {reason}")
    np.save(folder / _LABELS, np.asarray(label, np.int64))
    return Sample(folder, len(label))
