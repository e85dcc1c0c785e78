"""How the files name images: a key each, the place of a known image or a number of its own."""

from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.importing.checking import Facts
from analysis.importing.classes import Classes
from analysis.importing.images import Known
from analysis.importing.reading import Read


class ImageKeys:
    """The keys of an import's images, 0 to ``len - 1``, and what each of them is called."""

    def __init__(self, read: Read, known: Known | None) -> None:
        self._read, self.known = read, known
        self.by_path = read.codes.by_path
        self._paths = list(read.codes.paths) if self.by_path else []
        # Paths that are said beside ids, which are what images are known by.
        self.has_paths_beside = known is None and read.codes.has_paths and not self.by_path

    def __len__(self) -> int:
        if self.known is not None:
            return len(self.known)
        return len(self._paths) if self.by_path else self._read.n_ids

    def name(self, key: int) -> str:
        """Name an image for a person, the way the files do."""
        known = self.known
        if self._paths:
            return f"{self._paths[key]!r}"
        if known is not None and known.paths is not None:
            return f"{key} ({known.paths[key]!r})"
        return f"{known.ids[key] if known is not None and known.ids is not None else key}"

    def file(self, key: int) -> str:
        """Path of an image where it has one, else its name."""
        paths = self._paths or (None if self.known is None else self.known.paths)
        return self.name(key) if paths is None else paths[key]

    @property
    def order(self) -> npt.NDArray[np.int64] | None:
        """Keys in the order of the images; None where that is their own."""
        if not self._paths or self.known is not None:
            return None
        return np.argsort(np.array(self._paths, object))

    def of(self, image: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
        """Keys of images as the files give them, -1 where an image is not known."""
        known = self.known
        if known is None or known.ids is None or self.by_path:
            return image
        place = np.searchsorted(known.ids, image)
        found = known.ids[np.minimum(place, len(known.ids) - 1)] == image
        return np.where(found, place, -1)

    def facts(self, code: int, classes: Classes) -> Facts:
        """What a run says of its images."""
        scored = self._read.scored.get(code)
        if scored is not None:
            number = np.arange(scored.first, scored.first + scored.scores.n)
            image = np.arange(scored.scores.n)
            path = np.full(len(image), -1, np.int32)
            return Facts(image, classes.of_code[scored.label], path, number)
        rows, number = self._read.spool.read(code)
        held: Any = rows
        path = held["path"] if self.has_paths_beside else np.full(len(rows), -1, np.int32)
        return Facts(self.of(held["image"]), classes.of_code[held["label"]], path, number)

    def paths_of(
        self, kept: npt.NDArray[np.int64], code: npt.NDArray[np.int32]
    ) -> list[str] | None:
        """Paths of the images that are kept, ``code`` theirs where said beside ids; or None."""
        if self.known is not None:
            paths = self.known.paths
            return None if paths is None else [paths[key] for key in kept.tolist()]
        if self.by_path:
            return [self._paths[key] for key in kept.tolist()]
        if self.has_paths_beside and (code >= 0).all():
            every = list(self._read.codes.paths)
            return [every[one] for one in code.tolist()]
        return None

    def ids_of(self, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """Ids of the files where the images that are kept are numbered anew; else None."""
        if self.by_path or np.array_equal(kept, np.arange(len(kept))):
            return None
        return kept.astype(np.int64)
