"""Commands that the screen gives to type: each names the cache that it means."""

import os
from collections.abc import Iterable

from analysis.filesystem import RemotePath
from analysis.sweep.command import written
from dashboard import data


def typed(words: Iterable[str]) -> str:
    """Write the words of a command, verb first, as a line for a shell that works from any folder.

    A password in the address of a remote cache is left out.

    Parameters
    ----------
    words : iterable of str
        Such as ``("verify", "demo")``.
    """
    root = data.cache_root()
    cache = str(root) if isinstance(root, RemotePath) else os.path.abspath(root)
    given = list(words)
    # Before what takes everything that follows, such as the models of a sweep.
    return written([given[0], "--cache", cache, *given[1:]])
