"""Manifests of other versions: migrate older ones, keep unknown fields of newer ones.

Version 1 implied the origin of a sweep's models by the keys of its ``config``; version 2 stores
``origin`` and keeps external models and imported files beside the configuration. A manifest is
rewritten in the present version when its sweep is next opened for writing.
"""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
# Stands for the objects of a list, by their identity.
_ITEMS = "\0items"
_NAMES = ("variant_id", "name")


def unknown_part(raw: Any, known: Any) -> Any:
    """Return the fields of a decoded object that its structures lack, as nested objects."""
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
    """Return the unknown fields of a list's objects, whose order may change."""
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
    """Put unknown values back into the objects that held them, if they still exist."""
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


_MOVED = ("models", "imported")


def migrated(raw: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the content of a manifest in the present schema version.

    Parameters
    ----------
    raw : dict
        The decoded JSON object; it is not changed.
    version : int
        Its schema version, at least 1.

    Raises
    ------
    KeyError, TypeError, AttributeError
        The content is not that of a manifest of its version.
    """
    return _from_1(raw) if version == 1 else raw


def _from_1(raw: dict[str, Any]) -> dict[str, Any]:
    config = dict(raw["config"])
    moved = {key: config.pop(key) for key in _MOVED if key in config}
    origin = "imported" if "imported" in moved else "external" if "models" in moved else "trained"
    model = dict(raw.get("model") or {})
    if origin == "external":
        model["name"] = "external models"
        options = dict(config.get("options") or {})
        if options.get("model") == "given models":
            config["options"] = options | {"model": "external models"}
    pairing = raw.get("pairing") or ""
    if pairing.startswith("given models; "):
        pairing = pairing.replace("given models", "external models", 1)
    return raw | moved | {
        "schema_version": 2, "origin": origin, "config": config, "model": model, "pairing": pairing,
    }  # fmt: skip
