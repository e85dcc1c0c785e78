"""What is kept as JSON holds the SHA-256 of its own content: a flipped bit is not another answer.

The content counts and not how it is laid out, so that other blanks or another order of keys are no
damage. What was written before this was so has no such key, and is taken as it is.
"""

import hashlib
import re

import msgspec

from analysis.store.unknown import Json

KEY = "content_sha256"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


class BrokenSealError(ValueError):
    """The content is not what its SHA-256 was taken of."""


def sealed(content: Json) -> Json:
    """Return an object with the SHA-256 of its content before it."""
    rest = {key: value for key, value in content.items() if key != KEY}
    return {KEY: _sha256(rest)} | rest


def unsealed(raw: Json, known: frozenset[str]) -> Json:
    """Return an object as it was before it was sealed, or one that never was.

    Parameters
    ----------
    raw : dict
        As it was decoded; it is not changed.
    known : frozenset of str
        Its other keys. One that is not among them and holds a SHA-256 is the seal, its own name
        damaged.

    Raises
    ------
    BrokenSealError
        The content is another one than was sealed.
    """
    rest = {key: value for key, value in raw.items() if key != KEY}
    if KEY not in raw:
        if any(_is_sha256(value) for key, value in rest.items() if key not in known):
            raise BrokenSealError(f"what held its SHA-256 is not called '{KEY}'")
    elif raw[KEY] != _sha256(rest):
        raise BrokenSealError("its content is not what its SHA-256 was taken of")
    return rest


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _sha256(content: Json) -> str:
    try:
        text = msgspec.json.encode(content, order="deterministic")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BrokenSealError(f"it holds what JSON cannot: {error}") from error
    return hashlib.sha256(text).hexdigest()
