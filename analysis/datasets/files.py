"""Files of datasets: find them below a folder, open them without hanging, fetch them once."""

import hashlib
import os
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import UserError
from analysis.filesystem.regular import read_bounded, what_it_is

LeftOut = dict[str, str]


def shown(path: str) -> str:
    r"""Write a path as valid Unicode: bytes of a name that are no UTF-8 become ``\xNN``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def left_out(path: str, reason: str) -> LeftOut:
    """Name a file that is not used, with the reason."""
    return {"file": shown(path), "reason": reason}


@dataclass
class Scan:
    """Regular files below a folder, relative POSIX paths in sorted order, and all the rest."""

    files: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_text(path: Path, option: str, *, most_bytes: int, what: str) -> str:
    """Read a text file that an option names.

    Raises
    ------
    UserError
        It is missing, no text, or larger than ``what`` can be.
    """
    try:
        return read_bounded(path, most_bytes).decode("utf-8-sig")
    except OverflowError:
        raise UserError(f"{option} {path}: larger than {what} can be") from None
    except FileNotFoundError:
        raise UserError(f"{option} {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{option} {path} cannot be read as text: {error}") from None


def lines_of(text: str) -> list[str]:
    """Lines without space around them; empty ones at the end are left out."""
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def scan(root: Path) -> Scan:
    """Find every file below a folder.

    A link to a folder is entered unless it leads into, or to above, a folder that is read anyway:
    so no loop is followed and no file is used twice. Hidden files (also those in hidden folders),
    empty folders and what is no regular file are left out with a reason.
    """
    found = Scan()
    entered = [os.path.realpath(root)]
    folders = [""]
    while folders:
        place = folders.pop()
        try:
            with os.scandir(root / place) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.left_out.append(left_out(place, f"cannot be listed: {error.strerror}"))
            continue
        if not inside and place:
            found.left_out.append(left_out(place, "is a folder with nothing in it"))
        for entry in inside:
            path = f"{place}/{entry.name}" if place else entry.name
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
    """Why an entry can be neither a file nor a folder to enter; notes the links that are."""
    try:
        if entry.is_dir():
            return _loop(entry, entered) if entry.is_symlink() else None
        if entry.is_file():
            return None
        return what_it_is(entry.stat().st_mode)
    except FileNotFoundError:
        return "is a link to nothing" if entry.is_symlink() else "is missing"
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
    """Return the folder for downloaded data: ``LETHE_DATA``, else ``~/.cache/lethe``."""
    return Path(os.environ.get("LETHE_DATA") or Path.home() / ".cache" / "lethe")


def fetch(url: str, target: Path, md5: str, kind: str) -> Path:
    """Download a file unless it is there; a file of another MD5 is refused and not kept.

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
            f"dataset '{kind}' could not be downloaded ({error}); where its files lie here "
            f"already, write {kind}:DIR"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return target
