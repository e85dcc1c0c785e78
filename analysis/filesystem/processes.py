"""Check whether a local process still runs, whose leftovers must stay."""

import os


def is_alive(pid: int) -> bool:
    """Return whether a process runs; True if unknown.

    Parameters
    ----------
    pid : int
        Its process id.
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
