"""Fetching a publisher's files once, checked by their published MD5."""

import hashlib
import os
import urllib.request
from pathlib import Path

from analysis.errors import UserError


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
