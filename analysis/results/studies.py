"""Starting a study of human annotation: count the supply of images, draw and store a sample."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.schema import AA_PIE, NON_PIE, PIE
from analysis.stats.raters import draw_practice, draw_study
from analysis.stats.votes import BoolArray, IntArray
from analysis.store.protocol import Protocol, check_categories, plain_text
from analysis.store.study import Design, Study

if TYPE_CHECKING:
    from analysis.results import SweepResults

SIZES = (20, 500)
MOST_PRACTICE = 20
_CHECKED_PIES = 64


@dataclass(frozen=True)
class Supply:
    """How many PIEs and A/A PIEs there are to draw from; ``n_aa_pies`` None with one dense run.

    ``has_pictures`` says whether any of the first PIEs can be shown.
    """

    n_pies: int
    n_aa_pies: int | None
    has_pictures: bool


def supply(results: "SweepResults", variant_id: str) -> Supply:
    """Count what a study of one variant could draw from.

    Raises
    ------
    CacheError
        There is no such variant, or a file is missing or damaged.
    """
    aa_pies = results.aa_pies()
    pie = results.images(variant_id, columns=["is_pie"])["is_pie"].to_numpy(np.bool_)
    (pies,) = np.nonzero(pie)
    return Supply(
        n_pies=len(pies),
        n_aa_pies=None if aa_pies is None else int(aa_pies.sum()),
        has_pictures=bool(has_picture(results, pies[:_CHECKED_PIES]).any()),
    )


def start_study(
    results: "SweepResults",
    variant_id: str,
    *,
    size: int,
    seed: int | None = None,
    protocol: Protocol | None = None,
    practice: int = 0,
) -> str:
    """Draw a study of one variant under the tie rule of the results; return its name.

    Parameters
    ----------
    size : int
        PIEs and A/A PIEs to draw, 20 to 500 each, or all there are; non-PIEs are matched to the
        PIEs by class.
    seed : int, optional
        Of the sample and of the raters' orders; drawn at random by default, and stored.
    protocol : Protocol, optional
        Texts and categories shown to raters; by default the paper's categories and no text.
    practice : int
        Practice images to draw, up to 20, from those outside the study.

    Raises
    ------
    UserError
        A number is out of range, a text or category cannot be used, nothing can be drawn, or the
        cache is on another machine.
    RunError
        The study cannot be written.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"size {size}: expected {SIZES[0]} to {SIZES[1]} images a group")
    if not 0 <= practice <= MOST_PRACTICE:
        raise UserError(f"practice {practice}: expected 0 to {MOST_PRACTICE} images")
    protocol = protocol or Protocol()
    check_categories(protocol.categories)
    protocol = replace(
        protocol,
        instructions=plain_text("instructions", protocol.instructions),
        consent=plain_text("consent", protocol.consent),
    )
    seed = secrets.randbits(32) if seed is None else seed
    table = results.images(variant_id, columns=["is_pie"])
    sample = draw_study(
        results.label,
        table["is_pie"].to_numpy(np.bool_),
        results.aa_pies(),
        lambda images: has_picture(results, images),
        size=size,
        seed=seed,
    )
    if not len(sample.pie):
        raise UserError(f"{variant_id} has no PIE with a picture: there is nothing to annotate")
    groups = {PIE: sample.pie, AA_PIE: sample.aa_pie, NON_PIE: sample.non_pie}
    images = sorted(set(np.concatenate(list(groups.values())).tolist()))
    drawn = draw_practice(
        len(results.label),
        images,
        lambda some: has_picture(results, some),
        size=practice,
        seed=seed,
    )
    manifest = results.manifest
    design = Design(
        variant_id=variant_id,
        ties=results.ties,
        n_dense_runs=len(manifest.done_seeds(DENSE_ID)),
        n_variant_runs=len(manifest.done_seeds(variant_id)),
        size=size,
        seed=seed,
        dataset_fingerprint=manifest.dataset_fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels={image: int(results.label[image]) for image in images},
        groups={name: tuple(ids.tolist()) for name, ids in groups.items()},
        available={PIE: sample.n_pies, AA_PIE: sample.n_aa_pies},
        n_unmatched=sample.n_unmatched,
        protocol=replace(protocol, practice={i: int(results.label[i]) for i in drawn.tolist()}),
    )
    return results.folder.annotations.start(design)


def has_picture(results: "SweepResults", images: IntArray) -> BoolArray:
    """Whether each of some images has a thumbnail."""
    rows = results.folder.image_rows([schema.IMAGE]).take(images.tolist())
    size = pc.binary_length(pc.struct_field(rows[schema.IMAGE], "bytes"))
    return np.asarray(pc.greater(size, 0).fill_null(False).to_numpy())


def is_of(results: "SweepResults", study: Study) -> bool:
    """Whether the sweep still has the images of a study, with the same classes."""
    label, design = results.label, study.design
    labels = {**design.labels, **design.protocol.practice}
    return design.dataset_fingerprint == results.manifest.dataset_fingerprint and all(
        image < len(label) and label[image] == its_label for image, its_label in labels.items()
    )
