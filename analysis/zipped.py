"""ZIP files written as their content comes, the same bytes each time."""

import zipfile
from collections.abc import Iterable
from typing import IO


def write_zip(files: Iterable[tuple[str, bytes]], to: IO[bytes]) -> list[str]:
    """Write names and contents as a ZIP, one after the other; return the names.

    Nothing is compressed, since pictures are compressed already.
    """
    names = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
            names.append(name)
    return names
