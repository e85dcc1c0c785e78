"""Encode selected images in an address.

Short selections are written as ranges, ``3-7,12``. Longer lists are stored in ``marks/selections``
under a hash of their content, which is the address's key.
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from analysis.errors import DamageError, LetheError
from analysis.filesystem import Location, atomic
from analysis.filesystem.atomic import child_names, replacing
from analysis.store.tags import FOLDER

MOST_SPELLED = 200
_FOLDER = "selections"
_KEPT = 200
_KEY = re.compile(r"~[0-9a-f]{16}", re.ASCII)
_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)
_LONGEST = 20 * MOST_SPELLED
Ids = npt.NDArray[np.int64]


def spelled(image_ids: Sequence[int] | npt.NDArray[np.integer]) -> str:
    """Write image ids as ascending ranges, ``3-7,12``."""
    ids = np.unique(np.asarray(image_ids, np.int64))
    if not len(ids):
        return ""
    breaks = np.flatnonzero(np.diff(ids) > 1)
    firsts, lasts = ids[np.r_[0, breaks + 1]], ids[np.r_[breaks, len(ids) - 1]]
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in pairs)


def read_ids(text: str, n_images: int) -> Ids | None:
    """Parse ranges of image ids; None if they are invalid for ``n_images``."""
    found = []
    for part in text.split(","):
        ends = _PART.fullmatch(part)
        if ends is None:
            return None
        low, high = int(ends[1]), int(ends[2] or ends[1])
        if not low <= high < n_images:
            return None
        found.append(np.arange(low, high + 1))
    return np.unique(np.concatenate(found))


class Selections:
    """The stored selections of one sweep."""

    def __init__(self, sweep: Location) -> None:
        self._folder = sweep / FOLDER / _FOLDER

    def read(self, text: str, n_images: int) -> Ids | None:
        """Read the images of an address, as ranges or by key; None if it has none.

        Raises
        ------
        LetheError
            The list cannot be read.
        """
        if not _KEY.fullmatch(text):
            return read_ids(text, n_images) if len(text) <= _LONGEST else None
        path = self._folder / f"{text[1:]}.txt"
        try:
            stored = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise DamageError(f"{path} is damaged: select the images again") from error
        except OSError as error:
            raise atomic.unreadable(path, error) from error
        ids = read_ids(stored, n_images) if key_of(stored) == text else None
        if ids is None:
            raise DamageError(f"{path} is damaged: select the images again")
        return ids

    def keep(self, image_ids: Sequence[int] | npt.NDArray[np.integer]) -> str:
        """Return the address text of images; store a long list and drop the oldest ones.

        Raises
        ------
        RunError
            The disk refused it.
        """
        text = spelled(image_ids)
        if len(image_ids) <= MOST_SPELLED:
            return text
        key = key_of(text)
        with replacing(self._folder / f"{key[1:]}.txt") as temporary:
            temporary.write_text(text, encoding="ascii")
        self._make_room()
        return key

    def _make_room(self) -> None:
        names = [name for name in child_names(self._folder) if name.endswith(".txt")]
        if len(names) > _KEPT:
            oldest = sorted(names, key=lambda name: atomic.stamp(self._folder / name))
            for name in oldest[: len(names) - _KEPT]:
                with suppress(OSError, LetheError):
                    (self._folder / name).unlink(missing_ok=True)


def key_of(text: str) -> str:
    """Return the key of a list in its written form."""
    return f"~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
