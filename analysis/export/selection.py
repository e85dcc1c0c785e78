"""Selection of images by population, kind and class, with their table and pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.figures.theme import footnote
from analysis.presentation.formatting import NO_ANSWER_NAME
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
    per_class: int | None = None,
) -> npt.NDArray[np.int64]:
    """Return the ids of images by falling vote distance, equal ones in order of image id.

    For single models, whose PIEs all have the same distance, by :func:`single_order`: the largest
    loss of confidence in the true class first.

    Conditions are ANDed across the arguments, ORed within one; ``classes`` are names of the true
    class. The first ``per_class`` images of each true class are kept.

    Raises
    ------
    UserError
        There is no such population, kind or class.
    """
    names = results.class_names
    for what, requested, known in (
        ("population", [population], list(POPULATIONS)),
        ("kind", kinds, list(KINDS)),
        ("class", classes, names),
    ):
        unknown = [one for one in requested if one not in known]
        if unknown:
            shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            raise UserError(f"no {what} '{unknown[0]}'; expected {shown}")
    columns = [schema.LABEL, "is_pie", "kind", "vote_distance"]
    is_single = results.manifest.is_single(variant_id)
    table = results.images(variant_id, columns=columns + list(COLUMNS) * is_single)
    selected = np.ones(len(table), bool)
    if population != "all":
        selected &= table["is_pie"].to_numpy(bool) == (population == "pies")
    if kinds:
        selected &= table["kind"].isin(list(kinds)).to_numpy()
    if classes:
        selected &= table[schema.LABEL].isin([names.index(name) for name in classes]).to_numpy()
    (ids,) = np.nonzero(selected)
    distance = table["vote_distance"].to_numpy()
    keys = [single_order(table)[1], distance] if is_single else [distance]
    ids = ids[np.lexsort([-key[ids] for key in keys])].astype(np.int64)
    return (
        ids if per_class is None else first_of_each(ids, table[schema.LABEL].to_numpy(), per_class)
    )


def first_of_each(
    image_ids: npt.NDArray[np.int64], label: npt.NDArray[np.integer], most: int
) -> npt.NDArray[np.int64]:
    """Return the first images of each true class, ``label`` (N,), without reordering."""
    labels = label[image_ids]
    return image_ids[pd.Series(labels).groupby(labels).cumcount().to_numpy() < most]


def order_of(results: SweepResults, variant_id: str) -> str:
    """Describe the order of chosen images in words."""
    if not results.manifest.is_single(variant_id):
        return "by falling vote distance"
    return WORDS[single_order(results.images(variant_id, columns=COLUMNS))[0]]


def wording_of(
    *, population: str = "pies", kinds: Sequence[str] = (), classes: Sequence[str] = ()
) -> str:
    """Describe a choice of images in a line."""
    parts = [POPULATIONS[population]]
    if kinds:
        parts.append(f"kind {' or '.join(kinds)}")
    if classes:
        parts.append(f"class {' or '.join(classes)}")
    return ", ".join(parts)


_NAMES = {
    "label_name": schema.LABEL,
    "dense_modal_name": "dense_modal_label",
    "modal_name": "modal_label",
}


@dataclass(frozen=True)
class Chosen:
    """Chosen images of a sweep, in order, for one variant.

    ``words`` describes the choice in a line, ``preset`` the style of a figure of them.

    Raises
    ------
    UserError
        An image does not exist, or is named twice.
    CacheError
        There is no such variant, or it is dense itself.
    """

    results: SweepResults
    variant_id: str
    image_ids: npt.NDArray[np.int64]
    words: str = ""
    preset: FigurePreset = SCREEN

    def __post_init__(self) -> None:
        self.results.manifest.variant(self.variant_id)
        if self.variant_id not in self.results.compressed_ids:
            raise UserError(
                f"'{self.variant_id}' cannot be compared with dense; choose among "
                f"{', '.join(self.results.compressed_ids) or 'none yet'}"
            )
        ids = np.asarray(self.image_ids, np.int64)
        object.__setattr__(self, "image_ids", ids)
        n_images = len(self.results.label)
        outside = ids[(ids < 0) | (ids >= n_images)]
        if len(outside):
            raise UserError(
                f"image {outside[0]} is not among the {n_images} test images (0 to {n_images - 1})"
            )
        if len(np.unique(ids)) < len(ids):
            raise UserError("an image is named twice; name each once")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    @property
    def is_single(self) -> bool:
        """Whether dense and the variant are one model each, without votes."""
        return self.results.manifest.is_single(self.variant_id)

    @property
    def answer_name(self) -> str:
        """Name the answer of either side for an image: prediction or modal label."""
        return "prediction" if self.is_single else "modal label"

    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self.results.class_names

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: the columns of ``images``, class names, path, size, ``meta_*``."""
        wanted = (*schema.PIE_COLUMNS, "dense_true_confidence")
        table = self.results.images(self.variant_id, columns=wanted).iloc[self.image_ids]
        table = table.reset_index(drop=True)
        names = np.asarray([*self.class_names, NO_ANSWER_NAME], object)  # -1 is the last
        table = table.assign(**{to: names[table[column]] for to, column in _NAMES.items()})
        more = self.results.metadata().iloc[self.image_ids].reset_index(drop=True)
        new = [name for name in more.columns if name not in table.columns]
        return pd.concat([table, more[new]], axis=1)

    @property
    def footnote(self) -> str:
        """Sweep, variant, runs, tie rule and date of the cache, as in figures."""
        manifest = self.results.manifest
        k = len(manifest.done_seeds(self.variant_id))
        return footnote(manifest.name, manifest.updated, k, self.results.ties, self.variant_id)

    @property
    def facts(self) -> dict[str, str]:
        """Description of the images, as names and values."""
        manifest = self.results.manifest
        seeds = [len(manifest.done_seeds(v)) for v in (DENSE_ID, self.variant_id)]
        return {
            "sweep": manifest.name,
            "dataset": str(manifest.dataset.spec or "unknown"),
            "model": str(manifest.model.name or "unknown"),
            "variant": self.variant_id,
            "runs": f"{seeds[0]} dense, {seeds[1]} of the variant",
            "ties": self.results.ties,
            "chosen": self.words or "image by image",
            "images": f"{len(self)} of {len(self.results.label)}",
            "cache of": manifest.updated,
        }


NO_PICTURE = "none of the chosen images has a picture in the cache; the format zip takes them"
_BATCH, _PART, _GLANCE = 4_096, 256, 32
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpg"),
    (b"GIF8", 0, "gif"),
    (b"WEBP", 8, "webp"),
    (b"BM", 0, "bmp"),
    (b"II*\x00", 0, "tif"),
    (b"MM\x00*", 0, "tif"),
)


def pictures(
    results: SweepResults, image_ids: npt.NDArray[np.int64]
) -> Iterator[tuple[int, bytes | None]]:
    """Yield image ids and encoded pictures as stored, in the order of ``image_ids``, or None.

    Batches are read in parts that are close to each other in the file, so that memory stays small
    in any order; by ascending id each part of the file is read once.
    """
    rows = results.folder.image_rows([schema.IMAGE])
    for start in range(0, len(image_ids), _BATCH):
        batch = image_ids[start : start + _BATCH]
        by_place = np.argsort(batch, kind="stable")
        content: list[bytes | None] = [None] * len(batch)
        for first in range(0, len(batch), _PART):
            part = by_place[first : first + _PART]
            column = pc.struct_field(rows.take(batch[part].tolist())[schema.IMAGE], "bytes")
            for place, one in zip(part.tolist(), column.to_pylist(), strict=True):
                content[place] = one or None
        yield from zip(batch.tolist(), content, strict=True)


def has_pictures(results: SweepResults, image_ids: npt.NDArray[np.int64]) -> bool:
    """Whether any image has a picture; mostly the first few decide."""
    return any(
        content is not None
        for part in (image_ids[:_GLANCE], image_ids[_GLANCE:])
        for _, content in pictures(results, part)
    )


def suffix_of(content: bytes) -> str:
    """Name the format of a picture by its first bytes; ``bin`` if unknown."""
    for signature, place, suffix in _SIGNATURES:
        if content[place : place + len(signature)] == signature:
            return suffix
    return "bin"


def file_of(image_id: int, content: bytes) -> str:
    """Name the file of a picture, without any text from the data."""
    return f"{image_id:06d}.{suffix_of(content)}"
