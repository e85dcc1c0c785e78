"""Places on other machines, reached through fsspec, with the face of ``pathlib.Path``.

A place without ``://`` stays a ``pathlib.Path``; fsspec is loaded when a remote one is first used.
"""

from pathlib import Path
from typing import TypeAlias

from analysis.errors import UserError
from analysis.filesystem.path import RemotePath

__all__ = ["Location", "RemotePath", "address", "is_url", "location"]

Location: TypeAlias = Path | RemotePath


def is_url(text: str) -> bool:
    """Whether a text is the URL of a place rather than a path; ``C://`` is a Windows path."""
    return len(text.partition("://")[0]) > 1 and "://" in text


def location(given: str | Path | RemotePath) -> Location:
    """Return the place that a path or an fsspec URL names.

    ``file://`` is the folder itself, so that it is locked and mapped like any other.

    Raises
    ------
    UserError
        The URL chains file systems, which hides from one machine what another has written.
    """
    if not isinstance(given, str):
        return given
    if not is_url(given):
        return Path(given)
    if "::" in given:
        raise UserError(f"{given}: expected one fsspec URL, not a chain of them ('::')")
    if given.startswith("file://"):
        from fsspec.implementations.local import LocalFileSystem

        return Path(LocalFileSystem._strip_protocol(given))
    return RemotePath(given)


def address(place: Location) -> str:
    """Text that :func:`location` makes the same place of; it may hold a password."""
    return place.url if isinstance(place, RemotePath) else str(place)
