"""Writing the files of a format: a file, a ZIP or a folder, completely or not at all."""

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from analysis.errors import UserError
from analysis.export.registry import Format
from analysis.export.selection import Chosen
from analysis.filesystem import folders
from analysis.filesystem.atomic import exists, is_dir, replacing
from analysis.presentation.formatting import count


def write_zip(
    files: Iterable[tuple[str, bytes]], to: IO[bytes], *, compress: bool = False
) -> list[str]:
    """Write names and contents as a ZIP, one after the other; return the names.

    ``compress`` is for text, since pictures are compressed already.
    """
    how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    names = []
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, how)
            names.append(name)
    return names


Progress = Callable[[int], None]
_ZIP = ".zip"
_SPOOLED = 64 * 2**20


def refusal(one: Format, n_images: int) -> str | None:
    """Explain why a format cannot hold that many images; None if it can."""
    if not n_images:
        return "no image is chosen, so there is nothing to export"
    if one.most is not None and n_images > one.most:
        return (
            f"{one.title} takes {count(one.most)} images at most and {count(n_images)} are "
            f"chosen: {one.why}"
        )
    return None


def share(
    chosen: Chosen, one: Format, out: str | Path, *, progress: Progress | None = None
) -> list[str]:
    """Write chosen images in a format to a file, a new folder or a ZIP; return the file names.

    Parameters
    ----------
    out
        A name with the format's suffix; for a format of several files ``.zip``, or a folder that
        is new or empty.
    progress
        Called after each file with their number so far.

    Raises
    ------
    UserError
        There are no images, too many, or ``out`` cannot be used.
    RunError
        The disk refused it; no partial file remains.
    """
    _check(chosen, one)
    out = Path(out)
    if not is_dir(out.absolute().parent):
        raise UserError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    files = _counted(one.files(chosen), progress)
    if one.shape == "folder" and out.suffix.lower() != _ZIP:
        with _new_folder(out) as folder:
            return [_put(folder, name, content) for name, content in files]
    if out.suffix.lower() != one.suffix:
        folder_too = " or a folder" if one.shape == "folder" else ""
        raise UserError(f"--out {out}: expected a name that ends in {one.suffix}{folder_too}")
    if is_dir(out):
        raise UserError(f"--out {out} is a folder; name a file")
    with replacing(out) as temporary:
        if one.shape == "folder":
            with temporary.open("wb") as file:
                return write_zip(files, file)
        for name, content in files:
            temporary.write_bytes(content)
            return [name]
    raise AssertionError(f"format '{one.name}' gave no file")


def share_bytes(chosen: Chosen, one: Format) -> bytes:
    """Return chosen images in a format as the bytes of one file, a ZIP if there are several.

    Raises
    ------
    UserError
        There are no images, or too many.
    """
    _check(chosen, one)
    if one.shape == "file":
        return next(content for _, content in one.files(chosen))
    # On disk beyond some size, since the result must be in memory, but only once.
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as file:
        write_zip(one.files(chosen), file)
        file.seek(0)
        return file.read()


def _check(chosen: Chosen, one: Format) -> None:
    reason = refusal(one, len(chosen))
    if reason is not None:
        raise UserError(reason)


def _counted(
    files: Iterator[tuple[str, bytes]], progress: Progress | None
) -> Iterator[tuple[str, bytes]]:
    for n, one in enumerate(files, 1):
        yield one
        if progress is not None:
            progress(n)


def _put(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``out`` at the end."""
    if exists(out) and (not is_dir(out) or any(out.iterdir())):
        raise UserError(f"--out {out} exists already; name a new folder, or a file FILE{_ZIP}")
    if not out.name:
        raise UserError(f"--out {out}: name the folder itself")
    with folders.filled(out) as aside:
        yield aside
