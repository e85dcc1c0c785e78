"""Open regular files only, of bounded size: pipes and devices are refused, not waited for."""

import io
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from analysis.errors import UserError

_MOST_TOML_BYTES = 2**22
_KINDS = {
    stat.S_IFIFO: "is a named pipe, no file",
    stat.S_IFSOCK: "is a socket, no file",
    stat.S_IFCHR: "is a device, no file",
    stat.S_IFBLK: "is a device, no file",
}


class NoRegularFileError(OSError):
    """The path is a pipe, a socket, a device or a folder."""


def what_it_is(mode: int) -> str:
    """Describe a path that is not a regular file."""
    return _KINDS.get(stat.S_IFMT(mode), "is not a file")


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading; refuse a pipe instead of waiting for it.

    Raises
    ------
    NoRegularFileError
        The path is not a regular file.
    OSError
        The file is missing or may not be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise NoRegularFileError(what_it_is(mode))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a regular file of limited size.

    Raises
    ------
    OverflowError
        The file is larger.
    OSError
        The file is missing, may not be read, or is not regular.
    """
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OverflowError(f"it is larger than {most_bytes:,} bytes")
    return content


def read_toml(option: str, path: Path) -> dict[str, Any]:
    """Read the TOML file of an option.

    Raises
    ------
    UserError
        The file is missing, unreadable, larger than 4 MB, or not TOML.
    """
    try:
        return tomllib.loads(read_bounded(path, _MOST_TOML_BYTES).decode())
    except FileNotFoundError:
        raise UserError(f"{option} {path}: no such file") from None
    except (
        OSError, OverflowError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError
    ) as error:  # fmt: skip
        raise UserError(f"{option} {path} cannot be read: {error}") from error
