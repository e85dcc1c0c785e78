"""Commands that the screen gives to type: each names the cache that it means."""

import os
from collections.abc import Iterable

from analysis.filesystem import RemotePath
from analysis.sweep.command import written
from dashboard import data


def cache_name() -> str:
    """Return the cache as a command names it from any folder, without a password."""
    root = data.cache_root()
    return str(root) if isinstance(root, RemotePath) else os.path.abspath(root)


def typed(words: Iterable[str]) -> str:
    """Write the words of a command, verb first, as a line for a shell that works from any folder.

    A password in the address of a remote cache is left out.

    Parameters
    ----------
    words : iterable of str
        Such as ``("verify", "demo")``.
    """
    words = list(words)
    # Before what takes everything that follows, such as the models of a sweep.
    return written([words[0], "--cache", cache_name(), *words[1:]])
