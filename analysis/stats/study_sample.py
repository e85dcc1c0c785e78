"""Which images the people of a study see: three groups drawn at random, and each rater's order."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.modal import BoolArray, IntArray

Ids = npt.NDArray[np.int64]
Usable = Callable[[Ids], BoolArray]


@dataclass(frozen=True)
class Sample:
    """Image ids of each group, ascending; an image may be in two.

    ``n_pies`` and ``n_aa_pies`` is how many there are at all, ``n_unmatched`` how many drawn PIEs
    have no non-PIE of their class left to stand beside them.
    """

    pie: Ids
    aa_pie: Ids
    non_pie: Ids
    n_pies: int
    n_aa_pies: int
    n_unmatched: int


def draw_study(
    label: IntArray,
    pie: BoolArray,
    aa_pie: BoolArray | None,
    usable: Usable,
    *,
    size: int,
    seed: int,
) -> Sample:
    """Draw up to ``size`` PIEs, as many A/A PIEs, and for every PIE one non-PIE of its class.

    Each group is a simple random sample without replacement: PIEs from all PIEs, A/A PIEs from all
    A/A PIEs (whose classes are not matched), non-PIEs from those of the same true label, as many of
    each class as PIEs were drawn of it, or all there are.

    Parameters
    ----------
    label : integer array, shape (N,)
        True classes.
    pie, aa_pie : bool arrays, shape (N,)
        PIEs of the variant and of one split of the dense runs; ``aa_pie`` None where the dense runs
        cannot be split.
    usable : callable
        Tells which of some images can be shown; asked of no more than it takes.
    seed : int
        Of the drawing: the same gives the same images.
    """
    generator = np.random.default_rng(seed)
    (pies,) = np.nonzero(pie)
    (aa_pies,) = np.nonzero(aa_pie) if aa_pie is not None else (np.empty(0, np.int64),)
    drawn = _some(generator, pies, size, usable)
    matched, n_unmatched = [np.empty(0, np.int64)], 0
    for class_id, wanted in zip(*np.unique(label[drawn], return_counts=True), strict=True):
        (others,) = np.nonzero(~pie & (label == class_id))
        matched.append(_some(generator, others, int(wanted), usable))
        n_unmatched += int(wanted) - len(matched[-1])
    return Sample(
        pie=drawn,
        aa_pie=_some(generator, aa_pies, size, usable),
        non_pie=np.sort(np.concatenate(matched)),
        n_pies=len(pies),
        n_aa_pies=len(aa_pies),
        n_unmatched=n_unmatched,
    )


def rater_order(images: Sequence[int], *, seed: int, rater: str) -> Ids:
    """Order in which a rater sees the images: a permutation by the study's seed and the name."""
    digest = hashlib.sha256(rater.encode()).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    return generator.permutation(np.sort(np.asarray(images, np.int64)))


def _some(generator: np.random.Generator, ids: IntArray, size: int, usable: Usable) -> Ids:
    """Draw ``size`` of the ids that are usable, or all; asked in the order of the drawing."""
    order = generator.permutation(ids).astype(np.int64)
    found: list[int] = []
    for start in range(0, len(order), size):
        asked = order[start : start + size]
        found += asked[usable(asked)].tolist()
        if len(found) >= size:
            break
    return np.sort(np.array(found[:size], np.int64))
