"""The images of an import by key: their names, and their rows in runs and label files."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError
from analysis.importing.classes import Classes
from analysis.importing.images import Known
from analysis.importing.reading import Read
from analysis.importing.truth import Truth
from analysis.store.path_tails import PathTails

IntArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Facts:
    """The images of one run: keys, class ids, path codes (-1 without), row numbers."""

    image: IntArray
    label: IntArray
    path: IntArray
    row: IntArray


class ImageKeys:
    """The keys of an import's images, 0 to ``len - 1``, and their names."""

    def __init__(self, read: Read, known: Known | None) -> None:
        self._read, self.known = read, known
        self.by_path = read.codes.by_path
        self._paths = list(read.codes.paths) if self.by_path else []
        # Paths beside ids, when ids identify the images.
        self.has_paths_beside = known is None and read.codes.has_paths and not self.by_path

    def __len__(self) -> int:
        if self.known is not None:
            return len(self.known)
        return len(self._paths) if self.by_path else self._read.n_ids

    def name(self, key: int) -> str:
        """Return the name of an image for messages, as in the files."""
        known = self.known
        if self._paths:
            return f"{self._paths[key]!r}"
        if known is not None and known.paths is not None:
            return f"{key} ({known.paths[key]!r})"
        return f"{known.ids[key] if known is not None and known.ids is not None else key}"

    def file(self, key: int) -> str:
        """Return the path of an image if it has one, else its name."""
        return self.name(key) if self.paths is None else self.paths[key]

    @property
    def paths(self) -> list[str] | None:
        """Path of each key, if known."""
        return self._paths or (None if self.known is None else self.known.paths)

    @property
    def order(self) -> npt.NDArray[np.int64] | None:
        """Keys in the order of the images; None if they are in order."""
        if not self._paths or self.known is not None:
            return None
        return np.argsort(np.array(self._paths, object))

    def of(self, image: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
        """Convert image codes to keys, -1 for unknown images."""
        known = self.known
        if known is None or known.ids is None or self.by_path:
            return image
        index = np.searchsorted(known.ids, image)
        found = known.ids[np.minimum(index, len(known.ids) - 1)] == image
        return np.where(found, index, -1)

    def facts(self, code: int, classes: Classes) -> Facts:
        """Return the images of a run with their labels and paths."""
        scored = self._read.scored.get(code)
        if scored is not None:
            path = np.full(scored.scores.n, -1, np.int32)
            label = classes.of_label[scored.label]
            return Facts(self.of(scored.image), label, path, scored.row)
        rows, number = self._read.spool.read(code)
        columns: Any = rows
        path = columns["path"] if self.has_paths_beside else np.full(len(rows), -1, np.int32)
        return Facts(self.of(columns["image"]), classes.of_label[columns["label"]], path, number)

    def paths_of(
        self, kept: npt.NDArray[np.int64], code: npt.NDArray[np.int32]
    ) -> list[str] | None:
        """Return the paths of the kept images, from ``code`` if paths stand beside ids; or None."""
        if self.known is not None:
            paths = self.known.paths
            return None if paths is None else [paths[key] for key in kept.tolist()]
        if self.by_path:
            return [self._paths[key] for key in kept.tolist()]
        if self.has_paths_beside and (code >= 0).all():
            all_paths = list(self._read.codes.paths)
            return [all_paths[one] for one in code.tolist()]
        return None

    def ids_of(self, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """Return the original ids if the kept images are renumbered, else None."""
        if self.by_path or np.array_equal(kept, np.arange(len(kept))):
            return None
        return kept.astype(np.int64)

    def labels(self, truth: Truth, classes: Classes) -> tuple[Facts, str]:
        """Return the class ids in a file of labels, and a note on their matching.

        Raises
        ------
        UserError
            Its labels cannot be matched to the images, or an image has several.
        """
        note = ""
        if truth.paths is not None:
            image, note = self._by_path(truth, truth.paths)
        elif truth.ids is not None:
            if self.by_path:
                raise UserError(
                    f"--labels {truth.path} names images by image_id, and the predictions by path; "
                    "expected a column 'path' in both"
                )
            image = self.of(truth.ids.astype(np.int32))
        else:
            image = self._in_order(truth)
        matched = np.flatnonzero((image >= 0) & (image < len(self)))
        repeated = np.flatnonzero(np.bincount(image[matched], minlength=1) > 1)
        if len(repeated):
            raise UserError(
                f"--labels {truth.path} has image {self.name(int(repeated[0]))} twice; expected "
                "one row an image"
            )
        label = classes.of_label[truth.code[matched]]
        path = np.full(len(matched), -1, np.int32)
        return Facts(image[matched], label, path, truth.first + matched), note

    def _by_path(self, truth: Truth, label_paths: list[str]) -> tuple[npt.NDArray[np.int64], str]:
        """Return the key of each row of a label file, -1 for other images."""
        paths = self.paths
        if paths is None:
            raise UserError(
                f"--labels {truth.path} names images by path, and the predictions by index; "
                "give the paths in order with --paths FILE, or labels with image_id"
            )
        tails = PathTails(label_paths)
        row = np.array(tails.indices_of(paths), np.int64)
        image = np.full(len(label_paths), -1, np.int64)
        keys = np.flatnonzero(row >= 0)
        image[row[keys]] = keys
        if len(np.unique(row[keys])) < len(keys):
            index = int(np.argmax(np.bincount(row[keys]) > 1))
            both = [paths[int(key)] for key in keys[row[keys] == index][:2]]
            raise UserError(
                f"--labels {truth.path}: {label_paths[index]!r:.120} can be {both[0]!r:.120} and "
                f"{both[1]!r:.120}; expected more of the path"
            )
        for index in np.flatnonzero(image < 0).tolist():
            # A repeated row, or one of an image without predictions.
            image[index] = image[tails.index_of(label_paths[index])]
        return image, tails.note and f"--labels: {tails.note}"

    def _in_order(self, truth: Truth) -> npt.NDArray[np.int64]:
        n = len(truth.code)
        order = self._read.in_order
        if order is None and self.by_path:
            raise UserError(
                f"--labels {truth.path} has labels in order, and the predictions name images by "
                "path; expected a column 'path' beside 'label'"
            )
        expected = len(self) if order is None else len(order)
        if n != expected:
            raise UserError(
                f"--labels {truth.path} has {n:,} labels in order, and there are {expected:,} "
                "images; expected one an image"
            )
        return np.arange(n) if order is None else self.of(order).astype(np.int64)
