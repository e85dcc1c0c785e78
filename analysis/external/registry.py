"""The registry of external model formats; their files are discovered, not listed."""

from collections.abc import Callable

from analysis.errors import UserError, one_line
from analysis.external.model import Loaded, Needed
from analysis.external.spec import ModelFile
from analysis.registry import Registry

Opener = Callable[[str, Needed], Loaded]
_OPENERS = Registry[Opener]("analysis.external", "format")


def register(kind: str) -> Callable[[Opener], Opener]:
    """Register a function that opens a format from the text after ``=``.

    Parameters
    ----------
    kind : str
        Name of the format.

    Raises
    ------
    ValueError
        The format is registered already.
    """
    return _OPENERS.register(kind)


def formats() -> list[str]:
    """Return the names of the registered formats, sorted."""
    return sorted(_OPENERS.all())


def open_model(model: ModelFile, needed: Needed) -> Loaded:
    """Open a model by its format.

    Raises
    ------
    UserError
        The model cannot be opened; the message names it in one line.
    """
    opener = _OPENERS.all()[model.kind]
    try:
        return opener(model.where, needed)
    except UserError as error:
        raise UserError(f"{model.label}: {error}") from error
    except MemoryError:
        raise UserError(f"{model.label} does not fit into memory") from None
    except Exception as error:
        # A damaged file can raise any exception.
        raise UserError(f"{model.label} cannot be opened: {one_line(error)}") from error
