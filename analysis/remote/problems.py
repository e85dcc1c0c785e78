"""What goes wrong on the way to another machine, in one line and with whose fault it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from analysis.errors import LetheError, RunError, UserError

# What callers tell apart themselves.
_ORDINARY = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
# Every library has classes of its own for this; their names are all they have in common.
_REFUSALS = ("credential", "auth", "perm", "denied", "forbidden")


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turn whatever a file system's library raises into words about ``place``.

    Raises
    ------
    UserError
        The library is missing, or the server refuses this user.
    RunError
        The server cannot be reached, or failed.
    """
    try:
        yield
    except (LetheError, *_ORDINARY):
        raise
    except ImportError as error:
        raise UserError(f"{place} needs another package: {_words(error)}") from error
    except Exception as error:
        if any(word in type(error).__name__.lower() for word in _REFUSALS):
            raise UserError(
                f"{place}: access was refused ({_words(error)}); check the credentials and what "
                "they may do"
            ) from error
        raise RunError(f"{place} cannot be reached: {_words(error)}") from error


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
