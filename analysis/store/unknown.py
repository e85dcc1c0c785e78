"""What a manifest read has that this Lethe does not know of: kept, and written back."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
# Stands for the objects of a list, each by what tells it from the others.
_ITEMS = "\0items"
_NAMES = ("variant_id", "name")


def unknown_part(raw: Any, known: Any) -> Any:
    """Return what an object read has that its structures do not, as nested objects."""
    found: Json = {}
    for key, value in raw.items():
        if key not in known:
            found[key] = value
        elif isinstance(value, dict) and isinstance(known[key], dict):
            found[key] = unknown_part(value, known[key])
        elif isinstance(value, list) and isinstance(known[key], list):
            found[key] = _of_items(value, known[key])
    return {key: value for key, value in found.items() if value not in (None, {})}


def _of_items(raw: list[Any], known: list[Any]) -> Json:
    """Return the same of the objects of a list, whose order may be another when it is written."""
    pairs = zip(raw, known, strict=True) if len(raw) == len(known) else ()
    found = {
        _identity(ours): unknown_part(theirs, ours)
        for theirs, ours in pairs
        if isinstance(theirs, dict) and isinstance(ours, dict)
    }
    kept = {identity: part for identity, part in found.items() if part}
    return {_ITEMS: kept} if kept else {}


def _identity(item: Json) -> str:
    named = next((item[name] for name in _NAMES if isinstance(item.get(name), str)), None)
    return named if named is not None else json.dumps(item, sort_keys=True)


def overlaid(content: Json, unknown: Json) -> Json:
    """Put unknown values back where the object that held them is still there."""
    for key, value in unknown.items():
        is_items = isinstance(value, dict) and _ITEMS in value
        if is_items:
            for item in _objects(content.get(key)):
                overlaid(item, value[_ITEMS].get(_identity(item), {}))
        elif key not in content:
            content[key] = value
        elif isinstance(value, dict) and isinstance(content[key], dict):
            overlaid(content[key], value)
    return content


def _objects(value: Any) -> Iterator[Json]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
