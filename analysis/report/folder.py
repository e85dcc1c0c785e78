"""The folder of a report: made beside its place and put there whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import RunError, UserError

PAGE = "index.html"
# What a report puts into its folder; the page last, so that it never names what is not there.
ITEMS = ("figures", "tables", ".lethe-report", PAGE)
_MARK = ".lethe-report"


@contextmanager
def filled(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write a report into; what was written takes its place at the end.

    Of a folder that a report made, or that may be overwritten, the report's own files are replaced
    and others stay.

    Raises
    ------
    UserError
        The place is a file, or a folder with other content.
    RunError
        The disk refused it; what was there is as it was.
    """
    _check(out, overwrite=overwrite)
    aside = out.absolute().with_name(f".tmp-{os.getpid()}-{out.name}")
    try:
        aside.mkdir(parents=True)
        yield aside
        (aside / _MARK).touch()
        if out.is_dir():
            _replace(aside, out)
        else:
            os.replace(aside, out)
    except OSError as error:
        raise RunError(f"{out} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check(out: Path, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    if not out.name:
        raise UserError(f"--out {out}: name a folder, not where it lies")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if out.is_dir() and not overwrite:
        there = sorted(path.name for path in out.iterdir())
        if there and _MARK not in there:
            raise UserError(
                f"--out {out} holds other files ({there[0]}, …); name an empty folder, or add "
                "--overwrite to put the report among them"
            )


def _replace(aside: Path, out: Path) -> None:
    old = aside / "old"
    old.mkdir()
    for name in ITEMS:
        if (out / name).exists():
            os.replace(out / name, old / name)
        if (aside / name).exists():
            os.replace(aside / name, out / name)
