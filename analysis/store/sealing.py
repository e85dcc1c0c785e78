"""Seal JSON objects with the SHA-256 of their content, so that damage is detected.

The digest ignores white space and the order of keys. Objects without the key, of older versions,
are accepted.
"""

import hashlib
import re

import msgspec

from analysis.store.versions import Json

KEY = "content_sha256"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


class BrokenSealError(ValueError):
    """The content does not match its SHA-256."""


def sealed(content: Json) -> Json:
    """Return an object with the SHA-256 of its content as first key."""
    rest = {key: value for key, value in content.items() if key != KEY}
    return {KEY: _sha256(rest)} | rest


def unsealed(raw: Json, known: frozenset[str]) -> Json:
    """Check the seal of an object, if it has one, and return it without.

    Parameters
    ----------
    raw : dict
        The decoded object; it is not changed.
    known : frozenset of str
        Its other keys. Another key with a SHA-256 is a seal whose name is damaged.

    Raises
    ------
    BrokenSealError
        The content does not match the seal.
    """
    rest = {key: value for key, value in raw.items() if key != KEY}
    if KEY not in raw:
        if any(_is_sha256(value) for key, value in rest.items() if key not in known):
            raise BrokenSealError(f"the key of its SHA-256 is not '{KEY}'")
    elif raw[KEY] != _sha256(rest):
        raise BrokenSealError("its content does not match its SHA-256")
    return rest


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _sha256(content: Json) -> str:
    try:
        text = msgspec.json.encode(content, order="deterministic")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BrokenSealError(f"it holds values that JSON cannot: {error}") from error
    return hashlib.sha256(text).hexdigest()
