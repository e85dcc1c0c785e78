"""Images that were selected, as an address spells them.

Up to so many are spelled as they are, ``3-7,12``; of more the list lies in ``marks/selections``
under a key made of it, and the address has the key: it opens the same images for everybody.
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
    """Spell images as rising ranges, ``3-7,12``."""
    ids = np.unique(np.asarray(image_ids, np.int64))
    if not len(ids):
        return ""
    breaks = np.flatnonzero(np.diff(ids) > 1)
    firsts, lasts = ids[np.r_[0, breaks + 1]], ids[np.r_[breaks, len(ids) - 1]]
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in pairs)


def read_ids(text: str, n_images: int) -> Ids | None:
    """Read images that are spelled as ranges; None where they are none of so many."""
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
    """The long selections of one sweep."""

    def __init__(self, sweep: Location) -> None:
        self._folder = sweep / FOLDER / _FOLDER

    def read(self, text: str, n_images: int) -> Ids | None:
        """Read images from an address: spelled, or under a key; None where it names none.

        Raises
        ------
        LetheError
            The list cannot be read.
        """
        if not _KEY.fullmatch(text):
            return read_ids(text, n_images) if len(text) <= _LONGEST else None
        path = self._folder / f"{text[1:]}.txt"
        try:
            kept = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise DamageError(f"{path} is damaged: select the images again") from error
        except OSError as error:
            raise atomic.unreadable(path, error) from error
        ids = read_ids(kept, n_images) if key_of(kept) == text else None
        if ids is None:
            raise DamageError(f"{path} is damaged: select the images again")
        return ids

    def keep(self, image_ids: Sequence[int] | npt.NDArray[np.integer]) -> str:
        """Return what an address says for images; a long list is kept, the oldest make room.

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
    """Return the key of a list as it is spelled."""
    return f"~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
