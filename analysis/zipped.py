"""ZIP files written as their content comes, the same bytes each time."""

import zipfile
from collections.abc import Iterable
from typing import IO


def write_zip(
    files: Iterable[tuple[str, bytes]], to: IO[bytes], *, compress: bool = False
) -> list[str]:
    """Write names and contents as a ZIP, one after the other; return the names.

    Pictures are compressed already, so that ``compress`` is for text.
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
