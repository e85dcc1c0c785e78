"""Slices: groups of images that compression costs more than others, moves and tested.

Candidates are ranked on one random half of the images and tested on the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.excess import Groups, group_excess
from analysis.stats.forecast import halves_of_images
from analysis.stats.jackknife import Jackknife
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.two_way import TwoWay
from analysis.stats.votes import BoolArray, FloatArray, IntArray

TESTED = 10
# Candidates that hardly stood out on the choosing half would cost the others power.
MIN_T = 1.0
MIN_IMAGES = 10
LEVEL = 0.05
_OVERLAP = 0.5
_FEWEST, _MOST, _PARTS = 8, 128, (2, 4, 8)
_PER_CLUSTER = 20
_MANY = 20_000
_RANDOM_SEED = 20191113


@dataclass(frozen=True)
class Partition:
    """Groups of images that do not overlap: ``code`` [N] from 0, -1 for none, and their names."""

    key: str
    code: IntArray
    names: Sequence[str]


@dataclass(frozen=True)
class Found:
    """A group that stands out on the half that did not choose it.

    ``risk`` is the risk difference, ``contrast`` that less the same of all other images: estimate,
    low and high of a 95 % interval, one-sided p and q each.
    """

    partition: Partition
    group: int
    n: int
    risk: tuple[float, ...]
    contrast: tuple[float, ...]
    n_tested: int


def clusters(features: FloatArray) -> list[Partition]:
    """Clusters of all images at three sizes: k-means with 8, 32 and 128 centres.

    Where 128 would leave fewer than 20 images a cluster, as many as leave 20, and between the two
    their geometric mean: of a few hundred images 32 and the most would be nearly the same.

    Parameters
    ----------
    features : float array, shape (N, d)
    """
    moves: dict[int, Partition] = {}
    most = min(_MOST, len(features) // _PER_CLUSTER)
    fewest = min(_FEWEST, most)
    for k in (fewest, round((fewest * most) ** 0.5), most):
        if k > 1 and k not in moves:
            names = [f"cluster {i + 1} of {k}" for i in range(k)]
            moves[k] = Partition(f"clusters-{k}", _k_means(features, k), names)
    return list(moves.values())


def class_parts(features: FloatArray, label: IntArray, names: Sequence[str]) -> list[Partition]:
    """Clusters within each class, at three sizes: k-means with 2, 4 and 8 centres.

    Parameters
    ----------
    features : float array, shape (N, d)
    label : integer array, shape (N,)
    names : sequence of str
        Class names by class id.
    """
    moves = []
    for size in _PARTS:
        code = np.full(len(label), -1, np.int64)
        of_groups: list[str] = []
        for one in np.unique(label):
            (here,) = np.nonzero(label == one)
            if len(here) < size * _PER_CLUSTER:
                continue
            code[here] = _k_means(features[here], size) + len(of_groups)
            of_groups += [f"{names[one]}, part {i + 1} of {size}" for i in range(size)]
        if of_groups:
            moves.append(Partition(f"parts-{size}", code, of_groups))
    return moves


def _k_means(features: FloatArray, k: int) -> npt.NDArray[np.int64]:
    from sklearn.cluster import KMeans, MiniBatchKMeans  # takes long to import

    values = np.asarray(features, np.float32)
    options = {"n_clusters": k, "random_state": _RANDOM_SEED % 2**31, "n_init": 1}
    model = (
        MiniBatchKMeans(batch_size=4096, **options) if len(values) > _MANY else KMeans(**options)
    )
    return np.asarray(model.fit_predict(values), np.int64)


def borders(prediction: IntArray, names: Sequence[str]) -> Partition | None:
    """Images on which some dense runs disagree, by the two classes they name most.

    Parameters
    ----------
    prediction : integer array, shape (T, N)
        Of runs that take no part in what is tested: where they disagree, the same runs would make
        fewer PIEs with others than with themselves.
    names : sequence of str
        Class names by class id.

    Returns
    -------
    Partition or None
        None where there are fewer than two runs, or no image is disputed.
    """
    if len(prediction) < 2:
        return None
    low, high = prediction.min(axis=0), prediction.max(axis=0)
    disputed = (low != high) & (low >= 0)
    if not disputed.any():
        return None
    pairs, inverse = np.unique(np.stack([low, high])[:, disputed], axis=1, return_inverse=True)
    code = np.full(prediction.shape[1], -1, np.int64)
    code[disputed] = inverse.ravel()
    return Partition("borders", code, [f"{names[a]} against {names[b]}" for a, b in pairs.T])


def find_slices(
    partitions: Sequence[Partition],
    half: FloatArray,
    floor: FloatArray,
    moves: Jackknife | None,
    *,
    n_tested: int = TESTED,
) -> list[Found]:
    """Find groups of images with more excess forgetting than the others have.

    On one half of the images candidates are ranked by the t of their contrast; the first
    ``n_tested`` of those at 1 or more that are no near copies of one before are tested on the other
    half, and listed where risk difference and contrast are both above 0 at q <= 0.05
    (one-sided, since the first half chose the direction; Benjamini-Hochberg over the tested ones).

    Parameters
    ----------
    partitions : sequence of Partition
        Candidates; their codes have the length of ``half``.
    half, floor : float arrays, shape (n,)
        How often each image is a PIE of the variant half, and of the other dense half; of a pair
        of single models whether it was forgotten, and whether it was recovered.
    moves : Jackknife, optional
        Without it nothing can be tested. One without populations: no run varies.
    n_tested : int
        Candidates that are tested.

    Returns
    -------
    list of Found
        The largest contrast first.
    """
    choosing = halves_of_images(len(half))
    chosen = _chosen(partitions, half, floor, moves, choosing, n_tested)
    if not chosen or moves is None:
        return []
    judging = _Half.of(half, floor, moves, ~choosing)
    tests = [(partition, group, judging.tested(partition)) for partition, group in chosen]
    risk_p, contrast_p = (
        np.array([_one_sided(getattr(groups, name), group) for _, group, groups in tests])
        for name in ("risk", "contrast")
    )
    listed = []
    for (partition, group, groups), risk_q, contrast_q in zip(
        tests, benjamini_hochberg(risk_p), benjamini_hochberg(contrast_p), strict=True
    ):
        risk, contrast = (
            (*(float(x[group]) for x in (test.difference, test.low, test.high)), p)
            for test, p in (
                (groups.risk, _one_sided(groups.risk, group)),
                (groups.contrast, _one_sided(groups.contrast, group)),
            )
        )
        # A missing q is no finding.
        stands_out = risk_q <= LEVEL and contrast_q <= LEVEL and min(risk[0], contrast[0]) > 0
        if stands_out:
            n = int((partition.code == group).sum())
            listed.append(
                Found(
                    partition, group, n, (*risk, float(risk_q)), (*contrast, float(contrast_q)),
                    len(tests),
                )
            )  # fmt: skip
    return sorted(listed, key=lambda one: -one.contrast[0])


def _one_sided(test: TwoWay, group: int) -> float:
    """One-sided p of a value above 0: the other half chose the direction."""
    half = float(test.p[group]) / 2
    return half if test.difference[group] > 0 else 1 - half


@dataclass(frozen=True)
class _Half:
    """The values of half of the images, selected once for all candidates."""

    images: BoolArray
    half: FloatArray
    floor: FloatArray
    moves: Jackknife

    @classmethod
    def of(
        cls, half: FloatArray, floor: FloatArray, moves: Jackknife, images: BoolArray
    ) -> "_Half":
        moved = tuple(part[:, images] for part in moves.moved)
        return cls(images, half[images], floor[images], Jackknife(moved))

    def tested(self, partition: Partition) -> Groups:
        # Images in none of the groups still count as others.
        n, code = len(partition.names), partition.code[self.images]
        code = np.where(code >= 0, code, n)
        return group_excess(self.half, self.floor, self.moves, code, n + 1)


def _chosen(
    partitions: Sequence[Partition],
    half: FloatArray,
    floor: FloatArray,
    moves: Jackknife | None,
    choosing: BoolArray,
    n_tested: int,
) -> list[tuple[Partition, int]]:
    if moves is None:
        return []
    candidates = []
    suggesting = _Half.of(half, floor, moves, choosing)
    for partition in partitions:
        groups = suggesting.tested(partition)
        known = partition.code >= 0
        sizes = [
            np.bincount(partition.code[known & side], minlength=len(partition.names))
            for side in (choosing, ~choosing)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = groups.contrast.difference / groups.contrast.se
        for group in range(len(partition.names)):
            enough = min(size[group] for size in sizes) >= MIN_IMAGES
            if enough and t[group] >= MIN_T and groups.risk.difference[group] > 0:
                candidates.append((float(t[group]), partition, group))
    chosen: list[tuple[Partition, int]] = []
    taken: list[BoolArray] = []
    for _, partition, group in sorted(candidates, key=lambda one: -one[0]):
        members = partition.code == group
        if all((members & other).sum() <= _OVERLAP * (members | other).sum() for other in taken):
            chosen.append((partition, group))
            taken.append(members)
        if len(chosen) == n_tested:
            break
    return chosen
