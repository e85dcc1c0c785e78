"""Tiles of the page: the images a variant forgot most surely, and those it recovered."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow.compute as pc

from analysis import schema
from analysis.presentation.formatting import class_name, data_uri
from analysis.report.scope import Scope
from analysis.stats.pairs import COLUMNS, WORDS, single_order
from analysis.stats.pie import sort_pies

_TILES = 240
_MOST, _FEWEST = 24, 6
_CRISP_PX = 64
_CHANGE = "by falling change of confidence in the true class (that in brackets)"
_COLUMNS = (
    schema.LABEL, "is_pie", "kind", "vote_distance", "dense_modal_label", "modal_label",
    "dense_agreement", "agreement",
)  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """One image: its picture as a data URI (empty without one), labels and kind.

    The shares are agreements; for single models confidences in the true class, NaN if unknown.
    """

    image_id: int
    uri: str
    is_small: bool
    label: str
    dense: str
    variant: str
    dense_share: float
    share: float
    kind: str
    path: str


@dataclass(frozen=True)
class Gallery:
    """The first tiles of each kind, numbers of images, and their order in words."""

    tiles: dict[str, list[Tile]]
    counts: dict[str, int]
    order: str


def galleries(scope: Scope) -> dict[str, Gallery]:
    """Collect the most forgotten images of every variant, and a third as many recovered ones.

    At most 24 forgotten images a variant, fewer with many variants, never below 6.
    """
    n = max(_FEWEST, min(_MOST, _TILES * 3 // 4 // len(scope.variant_ids)))
    wanted = {"forgotten": n, "recovered": -(-n // 3)}
    chosen: dict[str, dict[str, pd.DataFrame]] = {}
    counts: dict[str, dict[str, int]] = {}
    orders: dict[str, str] = {}
    for variant_id in scope.variant_ids:
        pies, orders[variant_id] = _sorted(scope, variant_id)
        counts[variant_id] = {kind: int((pies["kind"] == kind).sum()) for kind in wanted}
        chosen[variant_id] = {
            kind: pies[pies["kind"] == kind].head(n) for kind, n in wanted.items()
        }
    ids = sorted(
        {int(i) for parts in chosen.values() for part in parts.values() for i in part["image_id"]}
    )
    pictures = _pictures(scope, ids)
    return {
        variant_id: Gallery(
            {kind: _tiles(scope, part, pictures) for kind, part in parts.items()},
            counts[variant_id],
            orders[variant_id],
        )
        for variant_id, parts in chosen.items()
    }


def most_forgotten(scope: Scope, variant_id: str, n: int) -> list[Tile]:
    """Return the first forgotten images of one variant, in the order of its gallery.

    Parameters
    ----------
    scope : Scope
        Results and reported variants.
    variant_id : str
        The variant.
    n : int
        Largest number of tiles.
    """
    pies, _ = _sorted(scope, variant_id)
    first = pies[pies["kind"] == "forgotten"].head(n)
    return _tiles(scope, first, _pictures(scope, first[schema.IMAGE_ID].tolist()))


def tiles_of(scope: Scope, variant_id: str, ids: Sequence[int]) -> list[Tile]:
    """Return tiles of some images, in their order, for one variant.

    Parameters
    ----------
    scope : Scope
        Results and reported variants.
    variant_id : str
        The variant.
    ids : sequence of int
        Image ids.
    """
    images = _with_shares(scope, variant_id)
    chosen = images.set_index(schema.IMAGE_ID, drop=False).loc[list(ids)]
    return _tiles(scope, chosen, _pictures(scope, list(ids)))


def _with_shares(scope: Scope, variant_id: str) -> pd.DataFrame:
    """Images with the shares of a tile: agreements, or confidences of single models."""
    is_single = scope.results.manifest.is_single(variant_id)
    images = scope.results.images(variant_id, columns=(*_COLUMNS, *COLUMNS * is_single))
    dense, variant = COLUMNS[:2] if is_single else ("dense_agreement", "agreement")
    return images.assign(dense_share=images[dense], share=images[variant])


def _sorted(scope: Scope, variant_id: str) -> tuple[pd.DataFrame, str]:
    """Sort the PIEs, and describe their order in words.

    By vote distance; for single models by :func:`single_order`, recovered ones by the confidence
    gained.
    """
    images = _with_shares(scope, variant_id)
    if not scope.results.manifest.is_single(variant_id):
        return sort_pies(images), "by falling distance of the votes"
    order, key = single_order(images)
    pies = sort_pies(images.assign(key=key))
    if order == "confidence_lost":
        gained = pies["key"].where(pies["kind"] != "recovered", -pies["key"])
        pies, words = pies.assign(key=gained), _CHANGE
    else:
        words = WORDS[order]
    return pies.sort_values("key", ascending=False, kind="stable", na_position="last"), words


def _pictures(scope: Scope, ids: list[int]) -> dict[int, tuple[str, bool, str]]:
    """Return the data URI, smallness of the original, and path of each image."""
    columns = [schema.PATH, schema.WIDTH, schema.HEIGHT, schema.IMAGE]
    rows = scope.results.folder.image_rows(columns).take(ids)
    content = pc.struct_field(rows[schema.IMAGE], "bytes").to_pylist()
    sides = zip(rows[schema.WIDTH].to_pylist(), rows[schema.HEIGHT].to_pylist(), strict=True)
    small = [max(width or 0, height or 0) <= _CRISP_PX for width, height in sides]
    paths = [path or "" for path in rows[schema.PATH].to_pylist()]
    uris = map(data_uri, content)
    return dict(zip(ids, zip(uris, small, paths, strict=True), strict=True))


def _tiles(
    scope: Scope, part: pd.DataFrame, pictures: dict[int, tuple[str, bool, str]]
) -> list[Tile]:
    names = scope.results.class_names
    tiles = []
    for row in part.to_dict("records"):
        uri, is_small, path = pictures[int(row[schema.IMAGE_ID])]
        tiles.append(
            Tile(
                int(row[schema.IMAGE_ID]), uri, is_small, names[row[schema.LABEL]],
                class_name(names, row["dense_modal_label"]), class_name(names, row["modal_label"]),
                float(row["dense_share"]), float(row["share"]), str(row["kind"]), path,
            )
        )  # fmt: skip
    return tiles
