"""Making a map beside the pages: a process of its own, one at a time, ended with the server."""

import atexit
import re
from threading import Lock

from analysis.errors import LetheError
from analysis.filesystem import RemotePath, address
from dashboard import data, permissions
from dashboard.sweeps.process import Place, State
from dashboard.sweeps.uploads import own_folder

_STEP = re.compile(r"^map (\d{1,3})/100$", re.MULTILINE)
_making = Place("the map of")
_turn = Lock()
# Each is begun once by itself: what failed, or was stopped, is not tried again and again.
_begun: set[tuple[str, str]] = set()


def begin(name: str, digest: str) -> str | None:
    """Begin to make the map of a sweep, unless one is being made; say why not, None otherwise.

    ``digest`` is that of its features.
    """
    try:
        permissions.check("make a map")
        with _turn:
            if _making.state().is_running or (name, digest) in _begun:
                return None
            _begun.add((name, digest))
            atexit.register(_making.forget)
            root = data.cache_root()
            where = address(root if isinstance(root, RemotePath) else root.absolute())
            log = own_folder() / "map.log"
            _making.start(name, ["map", name, "--steps", "--cache", where], log)
    except LetheError as error:
        return str(error)
    return None


def again(name: str) -> None:
    """Let the map of a sweep be begun once more."""
    _begun.difference_update({one for one in _begun if one[0] == name})


def state() -> State:
    """Tell how the map is that was begun last."""
    return _making.state()


def share() -> float:
    """Return how much of the map that is being made is done, 0..1."""
    steps = _STEP.findall(_making.output())
    return int(steps[-1]) / 100 if steps else 0.0
