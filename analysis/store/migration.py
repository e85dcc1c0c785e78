"""Bring the manifest of an older schema version up to the present one, in memory.

Version 1 said where a sweep's models came from by which keys its ``config`` had; version 2 says it
in ``origin``, and keeps external models and imported files beside the configuration. A manifest
is written in the present version when its sweep is next opened for writing; until then its file
stays as it is.
"""

from typing import Any

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
