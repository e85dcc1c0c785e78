"""Culprit layers: forgotten images that a compressed model regains with one layer in float.

An image is forgotten where the dense model of the run is right and the compressed one is wrong.
Layers are ranked on one half of the images and shown on the other, which did not rank them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.pairs import mcnemar
from analysis.stats.shares import wilson
from analysis.stats.votes import BoolArray

RANDOM_SEED = 20191113
MOST_TOGETHER = 4
SHOWN = "test half"


@dataclass(frozen=True)
class Answer:
    """Images that a model is right on with some layers in float, (N,), and the bytes it adds."""

    layers: tuple[str, ...]
    right: BoolArray
    bytes_added: int


def ranking_half(forgotten: BoolArray) -> BoolArray:
    """Draw the half of the images that layers are ranked on, (N,), always the same one.

    Forgotten images and the others are halved apart, so that either half has some of both; of an
    odd number the ranking has one more.

    Parameters
    ----------
    forgotten : bool array, shape (N,)
    """
    chosen = np.zeros(len(forgotten), np.bool_)
    generator = np.random.default_rng([RANDOM_SEED, len(forgotten)])
    for group in (np.flatnonzero(forgotten), np.flatnonzero(~forgotten)):
        order = generator.permutation(group)
        chosen[order[: -(-len(order) // 2)]] = True
    return chosen


def ranked(
    singles: Sequence[Answer], dense: BoolArray, compressed: BoolArray, half: BoolArray
) -> list[int]:
    """Rank single layers on one half, the one that regains most images first: their positions.

    By forgotten images restored, then by images right, then by fewer bytes, then as they come.

    Parameters
    ----------
    singles : sequence of Answer
    dense, compressed : bool arrays, shape (N,)
        Which images the two models are right on.
    half : bool array, shape (N,)
        The images that count.
    """
    lost = dense & ~compressed & half

    def key(place: int) -> tuple[int, int, int, int]:
        one = singles[place]
        restored, right = int((one.right & lost).sum()), int((one.right & half).sum())
        return -restored, -right, one.bytes_added, place

    return sorted(range(len(singles)), key=key)


def layer_rows(
    answers: Sequence[Answer], dense: BoolArray, compressed: BoolArray, half: BoolArray
) -> pd.DataFrame:
    """Count the images that each answer regains, among those that did not rank the layers.

    ``forgotten_restored`` is the share of the forgotten images that are answered right again, with
    Wilson's 95 % interval: over other images of the kind, for these models.
    ``n_restored`` of ``n_forgotten`` are the images; ``top1``, ``dense_top1`` and
    ``compressed_top1`` accuracies; ``to_right`` and ``to_wrong`` images on which the answer differs
    in being right from the compressed model, with McNemar's exact p and, over the rows,
    Benjamini-Hochberg's q; ``ranking_restored`` of ``ranking_forgotten`` on the ranking half.

    Parameters
    ----------
    answers : sequence of Answer
    dense, compressed : bool arrays, shape (N,)
        Which images the two models are right on.
    half : bool array, shape (N,)
        The images that layers were ranked on.
    """
    lost, shown = dense & ~compressed, ~half
    n, n_ranking = int((lost & shown).sum()), int((lost & half).sum())
    right = np.array([one.right for one in answers], np.bool_).reshape(len(answers), len(dense))
    restored = (right & lost & shown).sum(axis=1)
    low, high = wilson(restored, n)
    to_right = (right & ~compressed & shown).sum(axis=1)
    to_wrong = (~right & compressed & shown).sum(axis=1)
    p = mcnemar(to_wrong, to_right)
    return pd.DataFrame(
        {
            "k": [len(one.layers) for one in answers],
            "forgotten_restored": restored / n if n else np.nan,
            "forgotten_restored_low": low,
            "forgotten_restored_high": high,
            "top1": _share(right, shown),
            "bytes_added": [one.bytes_added for one in answers],
            "split": SHOWN,
            "n_restored": restored,
            "n_forgotten": n,
            "n_images": int(shown.sum()),
            "dense_top1": _share(dense[None], shown)[0],
            "compressed_top1": _share(compressed[None], shown)[0],
            "to_right": to_right,
            "to_wrong": to_wrong,
            "mcnemar_p": p,
            "mcnemar_q": benjamini_hochberg(p),
            "ranking_restored": (right & lost & half).sum(axis=1),
            "ranking_forgotten": n_ranking,
        }
    )


def _share(right: BoolArray, images: BoolArray) -> npt.NDArray[np.float64]:
    return np.asarray(right[:, images].mean(axis=1), np.float64)
