"""Tables of human annotation: answers, shares by group, agreement between raters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.results.frames import stack
from analysis.schema import AA_PIE, GROUPS, NO_MAJORITY, NO_MAJORITY_NAME, NON_PIE, PIE
from analysis.stats.added_shares import Judged, added_shares
from analysis.stats.raters import (
    DIVIDED,
    MISSING,
    NOT_RATED,
    Agreement,
    category_shares,
    cohen_kappa,
    krippendorff_alpha,
    majority,
)
from analysis.stats.votes import BoolArray, FloatArray, IntArray
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest
from analysis.store.study import Study

KAPPA, ALPHA = "cohen-kappa", "krippendorff-alpha"


@dataclass(frozen=True)
class Excess:
    """PIE excess of each image, and the groups that a study drew from, (N,).

    ``of_image`` is NaN for images outside the sample of the halves; ``label`` [N] true classes.
    """

    of_image: FloatArray
    pie: BoolArray
    aa_pie: BoolArray
    label: IntArray


def studies(folder: SweepFolder, manifest: Manifest, variant_id: str | None) -> list[Study]:
    """Read the studies of a sweep, of one variant alone where one is named.

    Raises
    ------
    CacheError
        The sweep has no such variant.
    """
    if variant_id is not None:
        manifest.variant(variant_id)
    annotations = folder.annotations
    studies = (annotations.read(name) for name in annotations.names())
    return [study for study in studies if variant_id in (None, study.design.variant_id)]


def table(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a valid answer; ``group`` names both groups of an image that is in two."""
    rows = [
        (
            study.name, study.design.variant_id, answer.image_id,
            study.design.labels[answer.image_id],
            " ".join(study.design.groups_of(answer.image_id)), rater, answer.category,
            answer.time, answer.comment or None,
        )
        for study in studies
        for rater in study.raters
        for answer in study.answers(rater).values()
    ]  # fmt: skip
    frames = [pd.DataFrame(rows, columns=list(schema.ANNOTATIONS_COLUMNS))] if rows else []
    return stack(frames, schema.ANNOTATIONS_COLUMNS)


def shares(
    studies: Sequence[Study], excess: Callable[[Study], Excess | None] = lambda _: None
) -> pd.DataFrame:
    """One row a study with answers and category: shares by group, differences and tests.

    ``added_share``, with its interval, is of the images that compression adds to the PIEs of seeds;
    null where ``excess`` returns None for the study.
    """
    frames = []
    for study in studies:
        if not study.raters:
            continue
        protocol = study.design.protocol
        codes = np.array([*range(len(protocol.keys)), DIVIDED])
        members = {group: members_of(study, group) for group in GROUPS}
        chosen = majority(ratings(study), len(protocol.keys))
        rows = category_shares(
            chosen,
            pie=members[PIE],
            aa_pie=members[AA_PIE],
            non_pie=members[NON_PIE],
            categories=protocol.keys,
            divided=NO_MAJORITY,
        )
        known = excess(study)
        added = [np.full(len(codes), np.nan)] * 3
        if known is not None:
            added = list(added_shares(judged_images(study, chosen, members, known), codes))
        rows = rows.assign(
            study=study.name,
            variant_id=study.design.variant_id,
            category_name=[*protocol.names.values(), NO_MAJORITY_NAME],
            **dict(zip(("added_share", "added_low", "added_high"), added, strict=True)),
        )
        frames.append(rows[list(schema.ANNOTATION_SHARES_COLUMNS)])
    return stack(frames, schema.ANNOTATION_SHARES_COLUMNS)


def judged_images(
    study: Study, chosen: IntArray, members: Mapping[str, BoolArray], excess: Excess
) -> Judged:
    """Turn the groups of a study into samples of disjoint strata.

    The strata are the PIEs, the A/A PIEs that are not PIEs, and the other images of each class; an
    image that was drawn for another stratum's group than its own is left out.

    Parameters
    ----------
    study : Study
        Of one variant.
    chosen : integer array, shape (I,)
        Category of each image of the study.
    members : mapping
        Bool arrays (I,) of each group.
    excess : Excess
        Of all test images.
    """
    ids = np.asarray(study.images, np.intp)
    # 0 PIEs, 1 further A/A PIEs, 2.. the others by class.
    stratum = np.where(excess.pie, 0, np.where(excess.aa_pie, 1, 2 + excess.label))
    known = ~np.isnan(excess.of_image)
    size = np.bincount(stratum[known], minlength=int(stratum.max(initial=0)) + 1)
    here = stratum[ids]
    is_own = (
        (members[PIE] & (here == 0))
        | (members[AA_PIE] & (here == 1))
        | (members[NON_PIE] & (here > 1))
    )
    kept = is_own & (chosen != NOT_RATED) & known[ids]
    return Judged(chosen[kept], excess.of_image[ids[kept]], here[kept], size)


def agreement(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a study and pair of raters, and one of all of them where there are two or more."""
    rows = []
    for study in studies:
        answers, n_categories = ratings(study), len(study.design.protocol.keys)
        if len(answers) < 2:
            continue
        of_study = {"study": study.name, schema.VARIANT_ID: study.design.variant_id}
        for first, second in combinations(range(len(answers)), 2):
            kappa = cohen_kappa(answers[first], answers[second], n_categories)
            raters = {"rater": study.raters[first], "other_rater": study.raters[second]}
            rows.append(of_study | {"measure": KAPPA, "n_raters": 2} | raters | _columns(kappa))
        alpha = krippendorff_alpha(answers, n_categories)
        rows.append(of_study | {"measure": ALPHA, "n_raters": len(answers)} | _columns(alpha))
    columns = list(schema.ANNOTATION_AGREEMENT_COLUMNS)
    frames = [pd.DataFrame(rows, columns=columns)] if rows else []
    return stack(frames, schema.ANNOTATION_AGREEMENT_COLUMNS)


def human_labels(study: Study) -> pd.DataFrame:
    """One row an image with a majority: ``image_id`` and the category most raters gave it."""
    keys = study.design.protocol.keys
    chosen = majority(ratings(study), len(keys))
    return pd.DataFrame(
        [
            (image, keys[code])
            for image, code in zip(study.images, chosen.tolist(), strict=True)
            if code not in (NOT_RATED, DIVIDED)
        ],
        columns=[schema.IMAGE_ID, "human"],
    )


def images_of_majority(study: Study, category: str, group: str) -> list[int]:
    """Return the images of a group whose majority is a category, or that have no majority."""
    codes = {key: code for code, key in enumerate(study.design.protocol.keys)}
    code = DIVIDED if category == NO_MAJORITY else codes.get(category)
    if code is None:
        return []
    chosen = majority(ratings(study), len(codes))
    keep = (chosen == code) & members_of(study, group)
    return [image for image, is_kept in zip(study.images, keep, strict=True) if is_kept]


def ratings(study: Study) -> npt.NDArray[np.int64]:
    """Category that each rater gave to each image of the study, -1 without, shape (R, I)."""
    place = {image: i for i, image in enumerate(study.images)}
    categories = np.full((len(study.raters), len(place)), MISSING, np.int64)
    keys = study.design.protocol.keys
    for row, rater in zip(categories, study.raters, strict=True):
        for answer in study.answers(rater).values():
            row[place[answer.image_id]] = keys.index(answer.category)
    return categories


def members_of(study: Study, group: str) -> npt.NDArray[np.bool_]:
    """Which images of the study are in a group, shape (I,)."""
    return np.isin(study.images, study.design.groups.get(group, ()))


def _columns(one: Agreement) -> dict[str, object]:
    return {
        "n_images": one.n_images,
        "observed": one.observed,
        "coefficient": one.coefficient,
        "ci_low": one.low,
        "ci_high": one.high,
    }
