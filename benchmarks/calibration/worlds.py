"""A simulated world in which images, runs and what compression takes are all drawn again."""

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
    """What runs are right on: a latent margin, right where it is above 0.

    The margin of a run on an image is the sum of the class's level, the image's ease (standard
    deviation 1.2), an effect of the run on all images (``common``) and on each class (``own``),
    noise of the run on the image (.6), and noise of the compression (.2, in dense runs too, so that
    both are alike without harm). Harm is taken off: of each image drawn about ``harm`` [C] with
    ``harm_spread``. ``paired`` variants have the dense runs' own margins but for their noise.
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
        """Mean margin of dense runs by class, (C,)."""
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
        """Draw images: of each class as many as the world says."""
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
    """Images drawn: true classes, margin of a mean run, ease, harm, and what they are taken for."""

    label: Counts
    margin: Floats
    ease: Floats
    harm: Floats
    mistaken: Votes

    def votes(self, margin: Floats) -> Votes:
        """Predictions [K, N]: far below 0 an image is taken for its second mistaken class."""
        wrong = np.where(margin > _FAR, self.mistaken[0], self.mistaken[1])
        return np.where(margin > 0, self.label, wrong).astype(np.int16)


def originals(world: World, images: Images, generator: np.random.Generator, k: int) -> Floats:
    """Margins [K, N] of k trainings, before the noise of a copy."""
    own = generator.normal(0, world.own, (k, world.n_classes))[:, images.label]
    common = generator.normal(0, world.common, (k, 1))
    return images.margin + own + common + generator.normal(0, _RUNS, (k, len(images.label)))


def copies(margin: Floats, generator: np.random.Generator) -> Floats:
    """Margins of runs made from originals, [K, N]."""
    return margin + generator.normal(0, _COPY, margin.shape)


def populations(
    world: World, images: Images, generator: np.random.Generator, k: int, n_variants: int = 1
) -> list[Floats]:
    """Margins [K, N] of k dense runs and of those of each variant."""
    first = originals(world, images, generator, k)
    found = [copies(first, generator)]
    for _ in range(n_variants):
        made = first if world.paired else originals(world, images, generator, k)
        found.append(copies(made, generator) - images.harm)
    return found


def recalls(right: Bools, world: World) -> Floats:
    """Recall of each run and class, [K, C]."""
    ends = np.cumsum(world.n_images)
    sums = np.cumsum(right, axis=1, dtype=np.int64)[:, ends - 1]
    return np.diff(sums, axis=1, prepend=0) / world.n_images


def sizes_of(n_classes: int, n_images: int | tuple[int, int]) -> Counts:
    """Images of each class: all alike, or from few to many."""
    few, many = (n_images, n_images) if isinstance(n_images, int) else n_images
    return np.round(np.geomspace(few, many, n_classes)).astype(np.int64)


def levels(n_classes: int) -> Floats:
    """Recalls of dense runs that lie from .6 to .95."""
    return np.linspace(0.6, 0.95, n_classes)


def words(world: World, k: int) -> str:
    """Name a setting in the words of the table."""
    sizes = np.unique(world.n_images)
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    kind = "paired" if world.paired else "independent"
    return f"{kind}, K = {k}, C = {world.n_classes}, {n} images a class"
