"""Whether a process of this machine still runs: what one that ended left behind may be removed."""

import os


def is_alive(pid: int) -> bool:
    """Whether a process runs, as far as can be told: where that is unknown it is taken to.

    Parameters
    ----------
    pid : int
        Its number on this machine.
    """
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
