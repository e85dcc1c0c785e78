"""Find, read and download the files of datasets."""

import hashlib
import os
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import UserError
from analysis.filesystem.regular import read_bounded, what_it_is

LeftOut = dict[str, str]


def shown(path: str) -> str:
    r"""Write a path as valid Unicode: bytes that are not UTF-8 become ``\xNN``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def left_out(path: str, reason: str) -> LeftOut:
    """Return the entry of a left-out file and its reason."""
    return {"file": shown(path), "reason": reason}


@dataclass
class Scan:
    """Sorted relative POSIX paths of regular files below a folder, and all left-out entries."""

    files: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_text(path: Path, option: str, *, most_bytes: int, what: str) -> str:
    """Read the text file of an option.

    Raises
    ------
    UserError
        The file is missing, not text, or larger than ``what`` can be.
    """
    try:
        return read_bounded(path, most_bytes).decode("utf-8-sig")
    except OverflowError:
        raise UserError(f"{option} {path}: larger than {what} can be") from None
    except FileNotFoundError:
        raise UserError(f"{option} {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{option} {path} cannot be read as text: {error}") from None


def lines_of(text: str) -> list[str]:
    """Return the stripped lines of a text without trailing empty ones."""
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def scan(root: Path) -> Scan:
    """Find all files below a folder.

    Links to folders are followed unless they lead into or above a folder that is read anyway, so
    that no loop is followed and no file is used twice. Hidden files, empty folders and irregular
    files are left out with a reason.
    """
    found = Scan()
    entered = [os.path.realpath(root)]
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.left_out.append(left_out(folder, f"cannot be listed: {error.strerror}"))
            continue
        if not inside and folder:
            found.left_out.append(left_out(folder, "is an empty folder"))
        for entry in inside:
            path = f"{folder}/{entry.name}" if folder else entry.name
            reason = _unusable(entry, entered)
            if reason is not None:
                found.left_out.append(left_out(path, reason))
            elif entry.is_dir():
                folders.append(path)
            elif any(part.startswith(".") for part in path.split("/")):
                found.left_out.append(left_out(path, "is hidden"))
            else:
                found.files.append(path)
    found.files.sort()
    return found


def _unusable(entry: "os.DirEntry[str]", entered: list[str]) -> str | None:
    """Return why an entry can be neither read nor entered, or None; record followed links."""
    try:
        if entry.is_dir():
            return _loop(entry, entered) if entry.is_symlink() else None
        if entry.is_file():
            return None
        return what_it_is(entry.stat().st_mode)
    except FileNotFoundError:
        return "is a broken link" if entry.is_symlink() else "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _loop(link: "os.DirEntry[str]", entered: list[str]) -> str | None:
    target = os.path.realpath(link.path)
    for tree in entered:
        if os.path.commonpath([tree, target]) in (tree, target):
            return "is a link into or above a folder that is read anyway"
    entered.append(target)
    return None


def data_home() -> Path:
    """Return the folder for downloads: ``LETHE_DATA``, else ``~/.cache/lethe``."""
    return Path(os.environ.get("LETHE_DATA") or Path.home() / ".cache" / "lethe")


def fetch(url: str, target: Path, md5: str, kind: str) -> Path:
    """Download a file if it is missing; refuse and delete a file of another MD5.

    Raises
    ------
    UserError
        The download failed; the message names the form that takes local files.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    try:
        with urllib.request.urlopen(url, timeout=30) as response, partial.open("wb") as file:
            while block := response.read(1 << 20):
                file.write(block)
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if found.hexdigest() != md5:
            raise UserError(f"{url} is not the published file (its MD5 differs); nothing was kept")
        os.replace(partial, target)
    except OSError as error:
        raise UserError(
            f"dataset '{kind}' could not be downloaded ({error}); if you have its "
            f"files, write {kind}:DIR"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return target
