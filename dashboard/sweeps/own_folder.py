"""A folder of this process alone, which nobody else may read and which goes when it ends."""

import atexit
import tempfile
from functools import cache
from pathlib import Path


@cache
def own_folder() -> Path:
    """Return it, made when it is first asked for."""
    kept = tempfile.TemporaryDirectory(prefix="lethe-server-")
    atexit.register(kept.cleanup)
    return Path(kept.name)
