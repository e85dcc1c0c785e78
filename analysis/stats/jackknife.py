"""A delete-one jackknife over the runs: how the PIE excess on each image moves without one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.stats.splits import (
    RANDOM_SEED,
    Split,
    columns_of,
    drawn_runs,
    spare_half,
    spare_splits,
)
from analysis.stats.votes import (
    DrawnModal,
    FloatArray,
    IntArray,
    TieRule,
    drawn_modal,
    is_contested,
)

SPLITS = 40
_CHUNK = 4_096

Population = tuple[IntArray, FloatArray | None]


@dataclass(frozen=True)
class _Halves:
    """Halves of one population in every split, and each again with one run after another deleted.

    ``label`` and ``tied`` [m, R + R h] are modal labels on the ``images`` [m] that the population
    disagrees on: R halves, then those of the first split with each of its h runs replaced by the
    spare one, and so on. ``owner`` [R h] is the run that is deleted. ``agreed`` [n] is what the
    population says of all other images.
    """

    images: npt.NDArray[np.intp]
    drawn: DrawnModal
    owner: npt.NDArray[np.intp]
    agreed: IntArray
    n_splits: int

    def of(self, images: npt.NDArray[np.intp]) -> DrawnModal:
        """Modal labels and ties of some images, ascending, all halves."""
        n_draws = self.drawn.label.shape[1]
        label = np.repeat(self.agreed[images].astype(np.int32)[:, None], n_draws, axis=1)
        tied = np.zeros(label.shape, np.bool_)
        place = np.searchsorted(self.images, images)
        place = np.minimum(place, max(len(self.images) - 1, 0))
        if len(self.images):
            here = self.images[place] == images
            label[here], tied[here] = self.drawn.label[place[here]], self.drawn.tied[place[here]]
        return DrawnModal(label, tied)


def _halves(
    population: Population,
    halves: list[npt.NDArray[np.intp]],
    spare: list[int],
    ties: TieRule,
) -> _Halves:
    prediction, confidence = population
    deleted, owner = [], []
    for runs, other in zip(halves, spare, strict=True):
        for position, run in enumerate(runs):
            replaced = runs.copy()
            replaced[position] = other
            deleted.append(replaced)
            owner.append(run)
    (images,) = np.nonzero(is_contested(prediction))
    drawn = drawn_modal(
        prediction[:, images],
        None if confidence is None else confidence[:, images],
        drawn_runs(len(prediction), [*halves, *deleted]),
        ties=ties,
    )
    return _Halves(images, drawn, np.array(owner, np.intp), prediction[0], len(halves))


class DenseHalves:
    """The dense part of the jackknife, which all variants of a sweep share.

    Parameters
    ----------
    dense : (prediction, confidence), arrays of shape (K, N)
        Confidences may be None.
    sample : integer array, shape (n,)
        Images that are looked at, ascending.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int
        Splits of the dense runs, R.
    """

    def __init__(
        self,
        dense: Population,
        sample: npt.NDArray[np.intp],
        *,
        ties: TieRule = "confidence",
        n_splits: int = SPLITS,
    ) -> None:
        self.population: Population = tuple(columns_of(part, sample) for part in dense)
        self.sample = sample
        self.ties: TieRule = ties
        self.n_runs = len(dense[0])
        self.splits: list[Split] = spare_splits(self.n_runs, n_splits)

    @property
    def half(self) -> int:
        """Runs of a half; 0 where there are too few."""
        return len(self.splits[0].a) if self.splits else 0

    @cached_property
    def sides(self) -> tuple[_Halves, _Halves]:
        """Halves A and B."""
        spare = [int(split.spare[0]) for split in self.splits]
        a, b = (
            _halves(self.population, [getattr(s, side) for s in self.splits], spare, self.ties)
            for side in ("a", "b")
        )
        return a, b


@dataclass(frozen=True)
class Jackknife:
    """How the excess on each image moves where one run after another is deleted.

    ``moved`` holds, of each population of runs (of both together where they are paired), an array
    [K, n]: the mean over the splits of ``half_i - floor_i`` without that run, less that with all.
    ``floors`` has the moves of ``floor_i`` alone, or is None.
    """

    moved: tuple[FloatArray, ...]
    floors: tuple[FloatArray, ...] | None = None


def has_runs(dense_seeds: Sequence[int], variant_seeds: Sequence[int], *, paired: bool) -> bool:
    """Whether one run after another can be deleted, the excess being known without it.

    Parameters
    ----------
    dense_seeds, variant_seeds : sequences of int
        Seeds of the runs.
    paired : bool
        Whether equal seeds tie the two populations.

    Returns
    -------
    bool
        False below three dense runs, and where the variant has none to spare or lacks a seed.
    """
    half = spare_half(len(dense_seeds))
    if paired:
        return half > 0 and {*dense_seeds} <= {*variant_seeds}
    return 0 < half < len(variant_seeds)


def jackknife(
    dense: DenseHalves,
    variant: Population,
    *,
    dense_seeds: tuple[int, ...],
    variant_seeds: tuple[int, ...],
    paired: bool,
    with_floors: bool = False,
) -> Jackknife | None:
    """Delete one run after another, of halves of floor((K - 1) / 2) runs.

    In each split the deleted run is replaced by a run that the split spares. Independent variants
    have random halves of that size; a paired one takes the seeds of dense half B, and a seed
    leaves both populations together.

    Parameters
    ----------
    dense : DenseHalves
        The dense halves.
    variant : (prediction, confidence), arrays of shape (K_t, N)
        All runs of the variant.
    dense_seeds, variant_seeds : sequences of int
        Seeds of the rows, in order.
    paired : bool
        Whether equal seeds tie the two populations.
    with_floors : bool
        Whether the moves of the noise floor alone are kept too.

    Returns
    -------
    Jackknife or None
        None below three dense runs, and where the variant has none to spare or lacks a seed.
    """
    if not has_runs(dense_seeds, variant_seeds, paired=paired):
        return None
    half, k_variant = dense.half, len(variant_seeds)
    population: Population = tuple(columns_of(part, dense.sample) for part in variant)
    if paired:
        place = np.array([variant_seeds.index(seed) for seed in dense_seeds], np.intp)
        population = population[0][place], None if population[1] is None else population[1][place]
        chosen = [split.b for split in dense.splits]
        spare = [int(split.spare[0]) for split in dense.splits]
    else:
        generator = np.random.default_rng([RANDOM_SEED, k_variant, 3])
        orders = [generator.permutation(k_variant) for _ in dense.splits]
        chosen, spare = [order[:half] for order in orders], [int(order[half]) for order in orders]
    other = _halves(population, chosen, spare, dense.ties)
    a, b = dense.sides
    n = len(dense.sample)
    of_dense = np.zeros((dense.n_runs, n))
    of_variant = np.zeros((len(population[0]), n))
    floors = np.zeros((dense.n_runs, n)) if with_floors else None
    images = np.unique(np.concatenate([a.images, other.images]))
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        chunk = _Chunk(a.of(part), b.of(part), other.of(part), len(dense.splits), dense.ties)
        of_dense[:, part] = chunk.moved("a", a.owner, dense.n_runs)
        of_dense[:, part] += chunk.moved("paired" if paired else "b", b.owner, dense.n_runs)
        if not paired:
            of_variant[:, part] = chunk.moved("variant", other.owner, k_variant)
        if floors is not None:
            floors[:, part] = chunk.moved("a", a.owner, dense.n_runs, of_floor=True)
            floors[:, part] += chunk.moved("b", b.owner, dense.n_runs, of_floor=True)
    if floors is None:
        return Jackknife((of_dense,) if paired else (of_dense, of_variant))
    if paired:
        return Jackknife((of_dense,), (floors,))
    return Jackknife((of_dense, of_variant), (floors, np.zeros_like(of_variant)))


@dataclass(frozen=True)
class _Chunk:
    """Halves A and B of dense and those of the variant on some images."""

    a: DrawnModal
    b: DrawnModal
    variant: DrawnModal
    n_splits: int
    ties: TieRule

    def moved(
        self,
        deleted: Literal["a", "b", "variant", "paired"],
        owner: IntArray,
        k: int,
        *,
        of_floor: bool = False,
    ) -> FloatArray:
        """Move of the excess where runs of one side are deleted, [K, m]; others are unchanged.

        With ``of_floor`` that of the noise floor alone.
        """
        sides = {"a": ("a",), "b": ("b",), "variant": ("variant",), "paired": ("b", "variant")}
        a, b, variant = (
            self._halves(name, deleted=name in sides[deleted]) for name in ("a", "b", "variant")
        )
        complete = [self._halves(name, deleted=False) for name in ("a", "b", "variant")]
        measured = self._floor if of_floor else self._excess
        change = measured(a, b, variant) - measured(*complete)
        # Whole numbers, which float32 sums exactly.
        deletes = np.zeros((len(owner), k), np.float32)
        deletes[np.arange(len(owner)), owner] = 1
        counts = np.asarray((change.astype(np.float32) @ deletes).T, np.float64)
        return counts / self.n_splits

    def _halves(self, name: str, *, deleted: bool) -> DrawnModal:
        """Halves of one side, a column a deletion: with a run deleted, or each of all its runs."""
        side: DrawnModal = getattr(self, name)
        n = self.n_splits
        if deleted:
            return DrawnModal(side.label[:, n:], side.tied[:, n:])
        size = (side.label.shape[1] - n) // n
        return DrawnModal(
            np.repeat(side.label[:, :n], size, axis=1), np.repeat(side.tied[:, :n], size, axis=1)
        )

    def _excess(self, a: DrawnModal, b: DrawnModal, variant: DrawnModal) -> npt.NDArray[np.int8]:
        return a.differs(variant, self.ties).astype(np.int8) - self._floor(a, b, variant)

    def _floor(self, a: DrawnModal, b: DrawnModal, _: DrawnModal) -> npt.NDArray[np.int8]:
        return a.differs(b, self.ties).astype(np.int8)
