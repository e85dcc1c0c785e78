"""What a manifest read has that this Lethe does not know of: kept, and written back."""

from typing import Any

Json = dict[str, Any]


def unknown_part(raw: Any, known: Any) -> Any:
    """Return what an object read has that its structures do not, as nested objects."""
    found: Json = {}
    for key, value in raw.items():
        if key not in known:
            found[key] = value
        elif isinstance(value, dict) and isinstance(known[key], dict):
            found[key] = unknown_part(value, known[key])
    return {key: value for key, value in found.items() if value not in (None, {})}


def overlaid(content: Json, unknown: Json) -> Json:
    """Put unknown values back where the object that held them is still there."""
    for key, value in unknown.items():
        if key not in content:
            content[key] = value
        elif isinstance(value, dict) and isinstance(content[key], dict):
            overlaid(content[key], value)
    return content
