"""The formats of given models by name; their files are found, not listed."""

from collections.abc import Callable

from analysis.discovery import import_all
from analysis.errors import UserError
from analysis.given.asked import GivenModel
from analysis.given.loaded import Loaded, Needed

Opener = Callable[[str, Needed], Loaded]
_OPENERS: dict[str, Opener] = {}
_PACKAGE = "analysis.given"


def register(kind: str) -> Callable[[Opener], Opener]:
    """Register a function that opens a format; it is given what stands after ``=``.

    Raises
    ------
    ValueError
        The format is taken.
    """

    def add(opener: Opener) -> Opener:
        if kind in _OPENERS:
            raise ValueError(f"format '{kind}' is registered already")
        _OPENERS[kind] = opener
        return opener

    return add


def formats() -> list[str]:
    """Name the registered formats, sorted."""
    import_all(_PACKAGE)
    return sorted(_OPENERS)


def open_model(model: GivenModel, needed: Needed) -> Loaded:
    """Open a model.

    Raises
    ------
    UserError
        It cannot be opened; the message names it, in one line.
    """
    import_all(_PACKAGE)
    try:
        return _OPENERS[model.kind](model.where, needed)
    except UserError as error:
        raise UserError(f"{model.label}: {error}") from error
    except MemoryError:
        raise UserError(f"{model.label} does not fit into memory") from None
    except Exception as error:
        # A damaged file fails in whatever way its bytes happen to be read.
        raise UserError(f"{model.label} cannot be opened: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """First line of what went wrong."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    return f"{lines[0][:300]}"
