"""Choosing images by population, kind and class, in the order of the PIE table."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.stats.pairs import COLUMNS, WORDS, single_order
from analysis.stats.pie import KINDS

POPULATIONS = {"pies": "PIEs", "non-pies": "non-PIEs", "all": "all images"}


def choose(
    results: SweepResults,
    variant_id: str,
    *,
    population: str = "pies",
    kinds: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> npt.NDArray[np.int64]:
    """Return the ids of images by falling vote distance, equal ones in order of image id.

    Of single models, whose PIEs all have the same distance, by :func:`single_order`: those that
    lost the most confidence in the true class come first.

    AND across the arguments, OR within one; ``classes`` are names of the true class.

    Raises
    ------
    UserError
        There is no such population, kind or class.
    """
    names = results.class_names
    for what, asked, known in (
        ("population", [population], list(POPULATIONS)),
        ("kind", kinds, list(KINDS)),
        ("class", classes, names),
    ):
        unknown = [one for one in asked if one not in known]
        if unknown:
            there = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            raise UserError(f"no {what} '{unknown[0]}'; expected {there}")
    columns = [schema.LABEL, "is_pie", "kind", "vote_distance"]
    is_single = results.manifest.is_single(variant_id)
    table = results.images(variant_id, columns=columns + list(COLUMNS) * is_single)
    kept = np.ones(len(table), bool)
    if population != "all":
        kept &= table["is_pie"].to_numpy(bool) == (population == "pies")
    if kinds:
        kept &= table["kind"].isin(list(kinds)).to_numpy()
    if classes:
        kept &= table[schema.LABEL].isin([names.index(name) for name in classes]).to_numpy()
    (ids,) = np.nonzero(kept)
    distance = table["vote_distance"].to_numpy()
    keys = [single_order(table)[1], distance] if is_single else [distance]
    return ids[np.lexsort([-key[ids] for key in keys])].astype(np.int64)


def order_of(results: SweepResults, variant_id: str) -> str:
    """Say in words in which order images are chosen."""
    if not results.manifest.is_single(variant_id):
        return "by falling vote distance"
    return WORDS[single_order(results.images(variant_id, columns=COLUMNS))[0]]


def wording_of(
    *, population: str = "pies", kinds: Sequence[str] = (), classes: Sequence[str] = ()
) -> str:
    """Say in a line how images were chosen."""
    parts = [POPULATIONS[population]]
    if kinds:
        parts.append(f"kind {' or '.join(kinds)}")
    if classes:
        parts.append(f"class {' or '.join(classes)}")
    return ", ".join(parts)
