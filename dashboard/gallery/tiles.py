"""What the browser is sent: plain values for the tiles of one page, and for one image."""

import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from analysis import schema
from analysis.presentation.formatting import class_name, count, is_missing, percent
from analysis.stats.pie import KINDS
from dashboard import data
from dashboard.address import WHOLE
from dashboard.context import Context
from dashboard.gallery import fates, selected, single, table
from dashboard.gallery.query import Found, ImageIndex
from dashboard.gallery.range_keys import sort_of_range
from dashboard.selection import Selection, to_params

KIND_ICONS = {"forgotten": "▼", "recovered": "▲", "changed": "◆", "": "○"}
_NOUNS = {"pies": "PIEs", "non-pies": "non-PIEs", "all": "images"}
_CLASS_OF = {"label": "true label", "dense": "dense says", "variant": "variant says"}
SCORES_WORDS = {"tied": "top score tied", "no-answer": "no answer"}
_FACTS_LEFT_OUT = {schema.IMAGE_ID, schema.LABEL, schema.PATH, schema.WIDTH, schema.HEIGHT}


def grid_data(context: Context, index: ImageIndex, found: Found) -> dict[str, Any]:
    """Collect what the grid shows: count, chips, pager and the tiles of the page."""
    selection = context.selection
    ids = found.page(selection.page, selection.per_page)
    uris = data.thumbnail_uris(context.results, ids.tolist())
    shown: dict[str, Any] = {
        "count": count_line(selection, len(ids), len(found.ids), len(index), found.n_tied),
        "chips": chips(selection),
        "page": selection.page,
        "n_pages": found.n_pages(selection.per_page),
        "tile": selection.tile,
        "link": link(context, image=None),
        "table": table.rows(context, index, ids) if selection.view == "table" else None,
        "empty": "" if len(ids) else _why_empty(selection, index),
        "tiles": [
            _with_strip(tile(context, index, image_id, uri), strip)
            for image_id, uri, strip in zip(
                ids.tolist(), uris, fates.strips(context, ids.tolist()), strict=True
            )
        ],
    }
    # Which pictures they are follows from the sweep and the ids.
    words = [tile | {"src": bool(tile["src"])} for tile in shown["tiles"]]
    text = json.dumps([context.manifest.name, shown | {"tiles": words}], sort_keys=True)
    return shown | {
        "version": hashlib.sha256(text.encode()).hexdigest(),
        "selected": ids[np.isin(ids, selected.ids(context))].tolist(),
        "turn": selected.turn(),
    }


def link(context: Context, **changes: Any) -> str:
    """Write the query of the address of what is shown, sweep and variant named whatever they are.

    So it shows the same where another sweep or variant is the default by then.
    """
    shown = replace(context.selection, sweep=context.manifest.name, **changes)
    return urlencode(to_params(shown), doseq=True)


def _with_strip(shown: dict[str, Any], strip: dict[str, Any]) -> dict[str, Any]:
    """Add the strip and the tags of a tile, which its alternative text says too."""
    alt = str(shown["alt"])
    if strip["fates"]:
        alt += f" At {'; '.join(words for _, words, *_ in strip['fates'])}."
    if strip["tags"]:
        alt += f" Tags: {', '.join(strip['tags'])}."
    return shown | strip | {"alt": alt}


def count_line(selection: Selection, n_shown: int, n_found: int, n_images: int, n_tied: int) -> str:
    """Say how many are shown, of how many found, of how many there are, and how many are tied."""
    share = (
        ""
        if selection.population == "all" and n_found == n_images
        else (f" ({percent(n_found / n_images)} of {count(n_images)} images)" if n_images else "")
    )
    noun = _NOUNS[selection.population]
    return f"{count(n_shown)} of {count(n_found)} {noun}{share}, {count(n_tied)} tied"


def chips(selection: Selection) -> list[dict[str, str]]:
    """Name every active filter, each removable."""
    whose = _CLASS_OF[selection.class_of]
    made = [
        *(("classes", name, f"{whose}: {name}") for name in selection.classes),
        *(("becomes", name, f"compressed says: {name}") for name in selection.becomes),
        *(("not_classes", name, f"{whose} not: {name}") for name in selection.not_classes),
        *(("pie_in", one, f"a PIE in {one}") for one in selection.pie_in),
        *(("not_pie_in", one, f"not a PIE in {one}") for one in selection.not_pie_in),
        *(("kinds", kind, f"kind: {kind}") for kind in selection.kinds),
        *(("tags", tag, f"tag: {tag}") for tag in selection.tags),
        *(("not_tags", tag, f"not tagged: {tag}") for tag in selection.not_tags),
        *(("slices", name, f"slice: {name}") for name in selection.slices),
        *(("scores", one, f"scores: {SCORES_WORDS[one]}") for one in selection.scores),
        *(("meta", f"{column}:{value}", f"{column}: {value}") for column, value in selection.meta),
    ]
    if selection.selected is not None:
        made.append(("selected", "", "selected on the map"))
    if selection.population != "pies":
        made.append(("population", "", f"population: {_NOUNS[selection.population]}"))
    for field, words in (("agreement", "agreement"), ("distance", "vote distance")):
        low, high = getattr(selection, field)
        if (low, high) != WHOLE:
            made.append((field, "", f"{words}: {low} to {high} %"))
    for one in selection.ranges:
        label = sort_of_range(one.column).label
        made.append(("ranges", one.column, f"{label}: {one.low:g} to {one.high:g}"))
    return [{"field": field, "value": value, "text": text} for field, value, text in made]


def detail_data(
    context: Context, index: ImageIndex, found: Found, more: list[tuple[str, str]]
) -> dict[str, Any]:
    """Collect what is shown of one image, with its neighbours in the order of the gallery.

    ``more`` are facts of the image besides those that the index holds.
    """
    image_id = context.selection.image
    if image_id is None:
        return {"shown": False}
    (places,) = np.nonzero(found.ids == image_id)
    place = int(places[0]) if len(places) else None
    shown = tile(context, index, image_id, data.thumbnail_uris(context.results, [image_id])[0])
    runs = len(context.manifest.done_seeds(context.variant))
    return {
        "shown": True,
        "id": image_id,
        "src": shown["src"],
        "selected": bool(np.isin(image_id, selected.ids(context))),
        "link": link(context),
        "page": f"image?{link(context)}",
        "alt": shown["alt"],
        "title": f"Image {image_id}: {shown['label']}",
        "position": (
            f"{count(place + 1)} of {count(len(found.ids))}"
            if place is not None
            else "not among the images found"
        ),
        "previous": int(found.ids[place - 1]) if place else None,
        "next": (
            int(found.ids[place + 1]) if place is not None and place + 1 < len(found.ids) else None
        ),
        "facts": facts(context, index, image_id, shown, more),
        "heading": "Votes of every variant",
        "legend": "In brackets the number of runs that predict the class, "
        f"{runs} in all at {context.variant}; ✓ marks the true label.",
        "votes": _votes(context, image_id),
    }


def tile(context: Context, index: ImageIndex, image_id: int, uri: str) -> dict[str, Any]:
    """Collect what a tile shows of one image; ``uri`` is its picture, empty where there is none."""
    names = context.results.class_names
    code = int(index.kind[image_id])
    kind = KINDS[code] if code >= 0 else ""
    shown = {
        "id": image_id,
        "src": uri,
        "label": names[index.label[image_id]],
        "dense": class_name(names, index.dense_label[image_id]),
        "variant": class_name(names, index.variant_label[image_id]),
        "kind": kind,
        "icon": KIND_ICONS[kind],
        "kindText": (kind or "no PIE") + (", tied" if index.tied[image_id] else ""),
        "agreement": percent(index.agreement[image_id], 0),
    }
    share = f" ({shown['agreement']} of its runs)"
    if single.is_single(context):
        shown["agreement"], share = single.confidence_words(context, image_id), ""
    shown["alt"] = (
        f"Image {image_id}, true label {shown['label']}. Dense says {shown['dense']}, "
        f"{context.variant} says {shown['variant']}{share}: "
        f"{shown['kindText']}."
    )
    return shown


def facts(
    context: Context,
    index: ImageIndex,
    image_id: int,
    shown: dict[str, Any],
    more: list[tuple[str, str]],
) -> list[tuple[str, str]]:
    """List what is known of one image, names and values; ``more`` beside what the index holds."""
    row = data.metadata(context.results, image_id)
    is_single = single.is_single(context)
    listed = [
        ("True label", shown["label"]),
        (
            "Prediction" if is_single else "Modal label",
            f"{shown['dense']} (dense) → {shown['variant']} ({context.variant})",
        ),
        ("Kind", f"{shown['icon']} {shown['kindText']}"),
        *(_sure(context, image_id) if is_single else _voted(index, image_id)),
        *_tied_scores(context, index, image_id),
        *more,
    ]
    tags = [tag for tag, ids in data.marks(context.results.folder).tags.items() if image_id in ids]
    if tags:
        listed.append(("Tags", ", ".join(tags)))
    if row[schema.PATH] is not None:
        listed.append(("File", str(row[schema.PATH])))
    if row[schema.WIDTH] is not None and row[schema.HEIGHT] is not None:
        listed.append(("Size", f"{row[schema.WIDTH]} × {row[schema.HEIGHT]} px"))
    for name, value in row.items():
        if name not in _FACTS_LEFT_OUT and not is_missing(value):
            listed.append((str(name).removeprefix(schema.META_PREFIX), str(value)))
    return listed


def _sure(context: Context, image_id: int) -> list[tuple[str, str]]:
    words = single.confidence_words(context, image_id, " (dense) → ")
    return [("Confidence in the true class", words)] if words else []


def _tied_scores(context: Context, index: ImageIndex, image_id: int) -> list[tuple[str, str]]:
    """Say in how many runs several classes share the top score; nothing where in none."""
    shares = index.dense_score_tied[image_id], index.score_tied[image_id]
    if not any(share > 0 for share in shares):
        return []
    if single.is_single(context):
        words = [("tied" if share > 0 else "not tied") for share in shares]
    else:
        words = [f"tied in {percent(share, 0)} of the runs" for share in shares]
    return [("Top score", f"{words[0]} (dense) → {words[1]} ({context.variant})")]


def _voted(index: ImageIndex, image_id: int) -> list[tuple[str, str]]:
    return [
        (
            "Agreement",
            f"{percent(index.dense_agreement[image_id], 0)} (dense) → "
            f"{percent(index.agreement[image_id], 0)}",
        ),
        ("Vote distance", f"{index.distance[image_id]:.2f}"),
        (
            "Runs that are right",
            f"{percent(index.dense_accuracy[image_id], 0)} (dense) → "
            f"{percent(index.accuracy[image_id], 0)}",
        ),
    ]


def _votes(context: Context, image_id: int) -> list[dict[str, Any]]:
    names, label = context.results.class_names, int(context.results.label[image_id])
    votes = context.results.votes(image_id)
    made = []
    for variant_id, rows in votes.groupby(schema.VARIANT_ID, sort=False):
        wrong = 0
        segments = []
        for class_id, n in zip(rows[schema.CLASS_ID], rows["votes"], strict=True):
            right = int(class_id) == label
            segments.append(
                {
                    "name": class_name(names, class_id),
                    "votes": int(n),
                    "right": right,
                    "rank": min(wrong, 5),
                }
            )
            wrong += not right
        segments.sort(key=lambda segment: not segment["right"])
        made.append(
            {
                "name": str(variant_id),
                "chosen": variant_id == context.variant,
                "segments": segments,
            }
        )
    return made


def _why_empty(selection: Selection, index: ImageIndex) -> str:
    if selection.population == "pies" and not index.pie.any():
        return "No PIE at all: this variant's modal label is that of the dense models everywhere."
    return "No image matches all of these filters. Remove one, or reset them."
