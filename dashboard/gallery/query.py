"""Which images are shown, in which order, and how many each filter would show: arrays only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.pie import KINDS
from dashboard.address import WHOLE
from dashboard.gallery.sort_keys import Sort, sort_of
from dashboard.selection import POPULATIONS, SCORES, Selection

Bools = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.intp]
# Columns of the images table that have another name here.
_ATTRIBUTES = {"vote_distance": "distance"}
_CLASS_COLUMNS = {"label": "label", "dense": "dense_label", "variant": "variant_label"}


@dataclass(frozen=True)
class ImageIndex:
    """The columns of one variant's images table that filters and sorting need, arrays of N.

    ``kind`` counts from 0 through ``KINDS``, -1 for non-PIEs; agreements, accuracies, confidence
    and distance are 0..1, shares of votes in half the precision of the tables: a million images
    fill memory. ``score_tied`` is the share of runs whose top score several classes share, 0 where
    it is not known.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        schema.LABEL, "dense_modal_label", "modal_label", "is_pie", "tied", "dense_tied", "kind",
        "agreement", "dense_agreement", "vote_distance", "accuracy", "dense_accuracy",
        "dense_confidence",
    )  # fmt: skip

    TIED: ClassVar[tuple[str, str]] = schema.TIED_SCORES_COLUMNS

    label: npt.NDArray[np.int32]
    dense_label: npt.NDArray[np.int32]
    variant_label: npt.NDArray[np.int32]
    pie: Bools
    tied: Bools
    kind: npt.NDArray[np.int8]
    agreement: npt.NDArray[np.float32]
    dense_agreement: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float32]
    accuracy: npt.NDArray[np.float32]
    dense_accuracy: npt.NDArray[np.float32]
    dense_confidence: npt.NDArray[np.float64]
    score_tied: npt.NDArray[np.float32]
    dense_score_tied: npt.NDArray[np.float32]

    @classmethod
    def from_frame(cls, images: pd.DataFrame) -> "ImageIndex":
        """Take what is needed from the images table of one variant.

        ``TIED`` columns may be left out where no score is tied.
        """
        kind = pd.Categorical(images["kind"], categories=list(KINDS)).codes
        return cls(
            label=images[schema.LABEL].to_numpy(),
            dense_label=images["dense_modal_label"].to_numpy(),
            variant_label=images["modal_label"].to_numpy(),
            pie=images["is_pie"].to_numpy(),
            tied=(images["tied"] | images["dense_tied"]).to_numpy(),
            kind=np.asarray(kind, np.int8),
            agreement=images["agreement"].to_numpy(np.float32),
            dense_agreement=images["dense_agreement"].to_numpy(np.float32),
            distance=images["vote_distance"].to_numpy(np.float32),
            accuracy=images["accuracy"].to_numpy(np.float32),
            dense_accuracy=images["dense_accuracy"].to_numpy(np.float32),
            dense_confidence=images["dense_confidence"].to_numpy(),
            score_tied=_known(images, cls.TIED[1]),
            dense_score_tied=_known(images, cls.TIED[0]),
        )

    def __len__(self) -> int:
        """Return the number of images, N."""
        return len(self.label)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column of the images table, N values."""
        found: npt.NDArray[Any] = getattr(self, _ATTRIBUTES.get(name, name))
        return found

    def holds(self, sort: Sort) -> bool:
        """Whether it has the columns that a sort is made of."""
        return {sort.column, sort.minus or sort.column} <= {*self.COLUMNS}


def _known(images: pd.DataFrame, column: str) -> npt.NDArray[np.float32]:
    """Return a column, 0 where it is null, or zeros where it is absent."""
    if column not in images:
        return np.zeros(len(images), np.float32)
    return np.nan_to_num(images[column].to_numpy(np.float32))


@dataclass(frozen=True)
class Facets:
    """How many images each option would show, with every other filter as it is.

    Of ``not_classes``, how many it would leave out.
    """

    population: dict[str, int]
    kind: dict[str, int]
    classes: npt.NDArray[np.int64]
    becomes: npt.NDArray[np.int64]
    not_classes: npt.NDArray[np.int64]
    meta: dict[str, dict[str, int]]
    tags: dict[str, int]
    scores: dict[str, int]


@dataclass(frozen=True)
class Found:
    """The images of a selection in order, how many of them are tied, and the facet counts."""

    ids: Ids
    facets: Facets
    n_tied: int
    masks: Mapping[str, Bools] = field(default_factory=dict)

    def without(self, name: str, n: int) -> Bools:
        """Mark the images, of ``n``, that every filter but one lets through."""
        return _all({key: mask for key, mask in self.masks.items() if key != name}, n)

    def page(self, page: int, per_page: int) -> Ids:
        """Return the image ids of one page, from 1."""
        return self.ids[(page - 1) * per_page : page * per_page]

    def n_pages(self, per_page: int) -> int:
        """Return the number of pages, at least 1."""
        return max(1, -(-len(self.ids) // per_page))


def find(
    index: ImageIndex,
    selection: Selection,
    class_names: Sequence[str],
    metadata: Mapping[str, pd.Categorical],
    *,
    tags: Mapping[str, Sequence[int]] | None = None,
    pies: Mapping[str, Bools] | None = None,
    numbers: Mapping[str, npt.NDArray[np.float64]] | None = None,
    values: npt.NDArray[Any] | None = None,
    more: Mapping[str, Bools] | None = None,
) -> Found:
    """Filter and sort: AND across filters, OR within one; equal values in order of image id.

    Parameters
    ----------
    class_names
        Names in order of class id.
    metadata
        Values (as text) of each metadata column that can be filtered by, N each.
    tags
        Image ids of each tag.
    pies
        The PIEs of each variant that the selection names beside its own, N flags each.
    numbers
        Values of each column that the selection has a range of, N each; a range whose values are
        not there yet is passed over.
    values
        What is sorted by, where it is no column of the index; an unknown one (NaN) comes last.
    more
        Images that further filters let through, N flags each.
    """
    tagged = {tag: _tagged(ids, len(index)) for tag, ids in (tags or {}).items()}
    masks = _masks(index, selection, class_names, metadata)
    if selection.tags:
        masks["tags"] = _any([tagged[tag] for tag in selection.tags if tag in tagged], len(index))
    if selection.not_tags:
        without = [tagged[tag] for tag in selection.not_tags if tag in tagged]
        masks["not_tags"] = ~_any(without, len(index))
    masks |= _pie_masks(selection, pies or {}, len(index)) | dict(more or {})
    for one in selection.ranges:
        if one.column in (numbers or {}):
            masks[f"range:{one.column}"] = one.holds((numbers or {})[one.column])
    chosen = _all(masks, len(index))
    ids = _ordered(index, np.flatnonzero(chosen), selection, values)
    n_tied = int(index.tied[ids].sum())
    facets = _facets(index, selection, class_names, metadata, masks, tagged)
    return Found(ids, facets, n_tied, masks)


def _masks(
    index: ImageIndex,
    selection: Selection,
    class_names: Sequence[str],
    metadata: Mapping[str, pd.Categorical],
) -> dict[str, Bools]:
    masks: dict[str, Bools] = {}
    if selection.population != "all":
        masks["population"] = index.pie if selection.population == "pies" else ~index.pie
    if selection.kinds:
        masks["kind"] = np.isin(index.kind, [KINDS.index(kind) for kind in selection.kinds])
    position = {name: i for i, name in enumerate(class_names)}
    if selection.classes:
        wanted = [position[name] for name in selection.classes]
        masks["class"] = np.isin(_class_column(index, selection), wanted)
    if selection.becomes:
        wanted = [position[name] for name in selection.becomes]
        masks["becomes"] = np.isin(index.variant_label, wanted)
    if selection.not_classes:
        wanted = [position[name] for name in selection.not_classes]
        masks["not_class"] = ~np.isin(_class_column(index, selection), wanted)
    if selection.scores:
        by = scores_masks(index)
        masks["scores"] = _any([by[one] for one in selection.scores], len(index))
    for name, shares in (("agreement", index.agreement), ("distance", index.distance)):
        low, high = getattr(selection, name)
        if (low, high) != WHOLE:
            percent = np.round(shares * 100, 3)
            masks[name] = (percent >= low) & (percent <= high)
    for column in {column for column, _ in selection.meta}:
        values = metadata[column]
        chosen = [value for name, value in selection.meta if name == column]
        masks[f"meta:{column}"] = np.isin(values.codes, values.categories.get_indexer(chosen))
    return masks


def _pie_masks(selection: Selection, pies: Mapping[str, Bools], n: int) -> dict[str, Bools]:
    """Mark the images that are PIEs of all variants named, and those that are of none."""
    masks = {}
    if selection.pie_in:
        masks["pie_in"] = ~_any([~pies[one] for one in selection.pie_in], n)
    if selection.not_pie_in:
        masks["not_pie_in"] = ~_any([pies[one] for one in selection.not_pie_in], n)
    return masks


def _facets(
    index: ImageIndex,
    selection: Selection,
    class_names: Sequence[str],
    metadata: Mapping[str, pd.Categorical],
    masks: dict[str, Bools],
    tagged: dict[str, Bools],
) -> Facets:
    def others(name: str) -> Bools:
        return _all({key: mask for key, mask in masks.items() if key != name}, len(index))

    rest = others("population")
    n_pies = int((rest & index.pie).sum())
    n_all = int(rest.sum())
    kinds = np.bincount(index.kind[others("kind")] + 1, minlength=len(KINDS) + 1)[1:]
    n_classes = len(class_names)
    return Facets(
        population=dict(zip(POPULATIONS, (n_pies, n_all - n_pies, n_all), strict=True)),
        kind=dict(zip(KINDS, kinds.tolist(), strict=True)),
        classes=_class_counts(_class_column(index, selection)[others("class")], n_classes),
        not_classes=_class_counts(_class_column(index, selection)[others("not_class")], n_classes),
        becomes=_class_counts(index.variant_label[others("becomes")], n_classes),
        meta={
            column: _value_counts(values, others(f"meta:{column}"))
            for column, values in metadata.items()
        },
        tags={tag: int((mask & others("tags")).sum()) for tag, mask in tagged.items()},
        scores={
            one: int((mask & others("scores")).sum()) for one, mask in scores_masks(index).items()
        },
    )


def scores_masks(index: ImageIndex) -> dict[str, Bools]:
    """Mark the images with a tied top score in any run of the variant, and without an answer."""
    by = (index.score_tied > 0, index.variant_label == schema.NO_ANSWER)
    return dict(zip(SCORES, by, strict=True))


def _class_counts(labels: npt.NDArray[np.int32], n_classes: int) -> npt.NDArray[np.int64]:
    """Count the images of each class; those without an answer are of none."""
    return np.bincount(labels[labels != schema.NO_ANSWER], minlength=n_classes)


def _class_column(index: ImageIndex, selection: Selection) -> npt.NDArray[np.int32]:
    column: npt.NDArray[np.int32] = getattr(index, _CLASS_COLUMNS[selection.class_of])
    return column


def _value_counts(values: pd.Categorical, chosen: Bools) -> dict[str, int]:
    codes = values.codes[chosen].astype(np.intp) + 1  # 0 counts what is missing
    counts = np.bincount(codes, minlength=len(values.categories) + 1)[1:]
    return dict(zip(values.categories, counts.tolist(), strict=True))


def _all(masks: Mapping[str, Bools], n: int) -> Bools:
    chosen = np.ones(n, np.bool_)
    for mask in masks.values():
        chosen &= mask
    return chosen


def _any(masks: Sequence[Bools], n: int) -> Bools:
    chosen = np.zeros(n, np.bool_)
    for mask in masks:
        chosen |= mask
    return chosen


def _tagged(image_ids: Sequence[int], n: int) -> Bools:
    """Mark the images of a tag; ids that the sweep does not have are passed over."""
    ids = np.asarray(image_ids, np.int64)
    mask = np.zeros(n, np.bool_)
    mask[ids[(ids >= 0) & (ids < n)]] = True
    return mask


def _ordered(
    index: ImageIndex, ids: Ids, selection: Selection, values: npt.NDArray[Any] | None
) -> Ids:
    if selection.sort == "image_id":
        return ids if selection.order == "asc" else ids[::-1]
    if values is None:
        sort = sort_of(selection.sort)
        values = sort.value(index.column) if index.holds(sort) else index.distance
    key = values[ids]
    return ids[np.argsort(key if selection.order == "asc" else -key, kind="stable")]
