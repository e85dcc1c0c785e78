"""Read model files, and report missing runtimes."""

from pathlib import Path

from analysis.errors import UserError, one_line
from analysis.filesystem.nearby import nearby
from analysis.filesystem.regular import NoRegularFileError, open_regular


def read_regular(path: Path) -> bytes:
    """Read a regular file.

    Raises
    ------
    UserError
        The file is missing or not a regular file.
    """
    try:
        with open_regular(path) as file:
            return file.read()
    except FileNotFoundError:
        raise UserError(f"no such file{nearby(path)}") from None
    except (NoRegularFileError, IsADirectoryError):
        raise UserError("not a file") from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None


def missing_runtime(error: ImportError, package: str, extra: str) -> UserError:
    """Return an error that names the package of a format and how to install it.

    Parameters
    ----------
    error : ImportError
        The error raised by the import.
    package, extra : str
        The package, and the extra of Lethe that installs it.
    """
    brings = f'python -m pip install {package}, or Lethe with its extra, "lethe[{extra}]"'
    if isinstance(error, ModuleNotFoundError):
        return UserError(f"{package} is not installed; {brings}")
    return UserError(f"{package} cannot be imported ({one_line(error)}); {brings}")
