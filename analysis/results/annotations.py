"""What people said of the images of their studies: answers, shares by group, agreement."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.categories import AA_PIE, GROUPS, KEYS, NO_MAJORITY, NON_PIE, PIE
from analysis.results.frames import stack
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
from analysis.store.study import Study

KAPPA, ALPHA = "cohen-kappa", "krippendorff-alpha"


def table(studies: Sequence[Study]) -> pd.DataFrame:
    """One row an answer that stands; ``group`` names both groups of an image that is in two."""
    rows = [
        (
            study.name, study.design.variant_id, said.image_id, study.design.labels[said.image_id],
            " ".join(study.design.groups_of(said.image_id)), rater, said.category, said.time,
        )
        for study in studies
        for rater in study.raters
        for said in study.answers(rater).values()
    ]  # fmt: skip
    frames = [pd.DataFrame(rows, columns=list(schema.ANNOTATIONS_COLUMNS))] if rows else []
    return stack(frames, schema.ANNOTATIONS_COLUMNS)


def shares(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a study with answers and category: shares by group, differences and tests."""
    frames = []
    for study in studies:
        if not study.raters:
            continue
        members = {group: members_of(study, group) for group in GROUPS}
        made = category_shares(
            majority(ratings(study), len(KEYS)),
            pie=members[PIE],
            aa_pie=members[AA_PIE],
            non_pie=members[NON_PIE],
            categories=KEYS,
            divided=NO_MAJORITY,
        )
        made = made.assign(study=study.name, variant_id=study.design.variant_id)
        frames.append(made[list(schema.ANNOTATION_SHARES_COLUMNS)])
    return stack(frames, schema.ANNOTATION_SHARES_COLUMNS)


def agreement(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a study and pair of raters, and one of all of them where there are two or more."""
    rows = []
    for study in studies:
        given = ratings(study)
        if len(given) < 2:
            continue
        of_study = {"study": study.name, schema.VARIANT_ID: study.design.variant_id}
        for first, second in combinations(range(len(given)), 2):
            kappa = cohen_kappa(given[first], given[second], len(KEYS))
            raters = {"rater": study.raters[first], "other_rater": study.raters[second]}
            rows.append(of_study | {"measure": KAPPA, "n_raters": 2} | raters | _said(kappa))
        alpha = krippendorff_alpha(given, len(KEYS))
        rows.append(of_study | {"measure": ALPHA, "n_raters": len(given)} | _said(alpha))
    columns = list(schema.ANNOTATION_AGREEMENT_COLUMNS)
    frames = [pd.DataFrame(rows, columns=columns)] if rows else []
    return stack(frames, schema.ANNOTATION_AGREEMENT_COLUMNS)


def human_labels(study: Study) -> pd.DataFrame:
    """One row an image with a majority: ``image_id`` and the category most raters gave it."""
    chosen = majority(ratings(study), len(KEYS))
    return pd.DataFrame(
        [
            (image, KEYS[code])
            for image, code in zip(study.images, chosen.tolist(), strict=True)
            if code not in (NOT_RATED, DIVIDED)
        ],
        columns=[schema.IMAGE_ID, "human"],
    )


def ratings(study: Study) -> npt.NDArray[np.int64]:
    """Category that each rater gave to each image of the study, -1 without, shape (R, I)."""
    place = {image: i for i, image in enumerate(study.images)}
    given = np.full((len(study.raters), len(place)), MISSING, np.int64)
    for row, rater in zip(given, study.raters, strict=True):
        for said in study.answers(rater).values():
            row[place[said.image_id]] = KEYS.index(said.category)
    return given


def members_of(study: Study, group: str) -> npt.NDArray[np.bool_]:
    """Which images of the study are in a group, shape (I,)."""
    return np.isin(study.images, study.design.groups.get(group, ()))


def _said(one: Agreement) -> dict[str, object]:
    return {
        "n_images": one.n_images,
        "observed": one.observed,
        "coefficient": one.coefficient,
        "ci_low": one.low,
        "ci_high": one.high,
    }
