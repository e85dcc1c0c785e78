"""Simulated populations in which images, runs and effects of compression are all random."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Votes = npt.NDArray[np.int16]
Counts = npt.NDArray[np.int64]

_IMAGES, _RUNS, _COPY, _FAR = 1.2, 0.6, 0.2, -1.2


@dataclass(frozen=True)
class World:
    """Parameters of latent margins: a run is right on an image where its margin is above 0.

    The margin of a run on an image is the sum of the class's level, the image's ease (standard
    deviation 1.2), effects of the run on all images (``common``) and on each class (``own``), noise
    of the run on the image (.6), and noise of the compression (.2, in dense runs too, so that both
    agree without harm). Harm is subtracted: normal by image around ``harm`` [C] with
    ``harm_spread``. ``paired`` variants share the dense runs' margins except for the last noise.
    """

    recall: Floats
    n_images: Counts
    harm: Floats
    paired: bool = False
    harm_spread: float = 0.3
    common: float = 0.1
    own: float = 0.1

    @property
    def n_classes(self) -> int:
        """Number of classes, C."""
        return len(self.recall)

    @property
    def _spread(self) -> float:
        parts = (_IMAGES, _RUNS, _COPY, self.common, self.own)
        return float(np.sqrt(sum(part**2 for part in parts)))

    @property
    def level(self) -> Floats:
        """Mean margin of dense runs by class, (C,), from their recall."""
        return np.asarray(ndtri(self.recall) * self._spread)

    @property
    def change(self) -> Floats:
        """True change of recall by class, over all runs and images, (C,)."""
        spread = np.hypot(self._spread, self.harm_spread * (self.harm != 0))
        return np.asarray(ndtr((self.level - self.harm) / spread) - self.recall)

    @property
    def normalized_change(self) -> Floats:
        """True normalized recall delta, (C,)."""
        return self.change - float((self.change * self.n_images).sum() / self.n_images.sum())

    def images(self, generator: np.random.Generator) -> "Images":
        """Draw ``n_images`` images of each class."""
        label = np.repeat(np.arange(self.n_classes), self.n_images)
        n = len(label)
        of_class = self.harm[label]
        harm = of_class + self.harm_spread * (of_class != 0) * generator.normal(size=n)
        others = generator.integers(1, max(self.n_classes, 2), (2, n))
        mistaken = ((label + others) % max(self.n_classes, 3)).astype(np.int16)
        ease = generator.normal(0, _IMAGES, n)
        return Images(label, self.level[label] + ease, ease, harm, mistaken)


@dataclass(frozen=True)
class Images:
    """Simulated images: labels, margin of a mean run, ease, harm, and classes confused with."""

    label: Counts
    margin: Floats
    ease: Floats
    harm: Floats
    mistaken: Votes

    def votes(self, margin: Floats) -> Votes:
        """Return predictions [K, N]; far below 0 they are the second class confused with."""
        wrong = np.where(margin > _FAR, self.mistaken[0], self.mistaken[1])
        return np.where(margin > 0, self.label, wrong).astype(np.int16)


def originals(world: World, images: Images, generator: np.random.Generator, k: int) -> Floats:
    """Draw margins [K, N] of k trainings, before the noise of compression."""
    own = generator.normal(0, world.own, (k, world.n_classes))[:, images.label]
    common = generator.normal(0, world.common, (k, 1))
    return images.margin + own + common + generator.normal(0, _RUNS, (k, len(images.label)))


def copies(margin: Floats, generator: np.random.Generator) -> Floats:
    """Add the noise of compression to the margins of trainings, [K, N]."""
    return margin + generator.normal(0, _COPY, margin.shape)


def populations(
    world: World, images: Images, generator: np.random.Generator, k: int, n_variants: int = 1
) -> list[Floats]:
    """Draw margins [K, N] of k dense runs and of each variant's."""
    first = originals(world, images, generator, k)
    margins = [copies(first, generator)]
    for _ in range(n_variants):
        base = first if world.paired else originals(world, images, generator, k)
        margins.append(copies(base, generator) - images.harm)
    return margins


def recalls(right: Bools, world: World) -> Floats:
    """Return the recall of each run and class, [K, C]."""
    ends = np.cumsum(world.n_images)
    sums = np.cumsum(right, axis=1, dtype=np.int64)[:, ends - 1]
    return np.diff(sums, axis=1, prepend=0) / world.n_images


def sizes_of(n_classes: int, n_images: int | tuple[int, int]) -> Counts:
    """Return the number of images of each class: constant, or geometric from few to many."""
    few, many = (n_images, n_images) if isinstance(n_images, int) else n_images
    return np.round(np.geomspace(few, many, n_classes)).astype(np.int64)


def levels(n_classes: int) -> Floats:
    """Return recalls of dense runs, evenly from .6 to .95."""
    return np.linspace(0.6, 0.95, n_classes)


def words(world: World, k: int) -> str:
    """Describe a setting for the table."""
    sizes = np.unique(world.n_images)
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    kind = "paired" if world.paired else "independent"
    return f"{kind}, K = {k}, C = {world.n_classes}, {n} images a class"
