"""Remote places through fsspec, with the interface of ``pathlib.Path``.

A place without ``://`` stays a ``pathlib.Path``; fsspec is loaded with the first remote one.
"""

from pathlib import Path
from typing import TypeAlias

from analysis.errors import UserError
from analysis.filesystem.path import RemotePath

__all__ = ["Location", "RemotePath", "address", "is_url", "location"]

Location: TypeAlias = Path | RemotePath


def is_url(text: str) -> bool:
    """Return whether a text is a URL rather than a path; ``C://`` is a Windows path."""
    return len(text.partition("://")[0]) > 1 and "://" in text


def location(place: str | Path | RemotePath) -> Location:
    """Return the place of a path or an fsspec URL.

    ``file://`` is the local folder itself, so that it is locked and mapped like any other.

    Raises
    ------
    UserError
        The URL chains file systems, which hides other machines' writes.
    """
    if not isinstance(place, str):
        return place
    if not is_url(place):
        return Path(place)
    if "::" in place:
        raise UserError(f"{place}: expected one fsspec URL, not a chain of them ('::')")
    if place.startswith("file://"):
        from fsspec.implementations.local import LocalFileSystem

        return Path(LocalFileSystem._strip_protocol(place))
    return RemotePath(place)


def address(place: Location) -> str:
    """Return the text from which :func:`location` makes the same place; it may have a password."""
    return place.url if isinstance(place, RemotePath) else str(place)
