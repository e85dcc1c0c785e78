"""Import predictions: read and check files, prepare the sweep's files, publish them at once."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import RunError, UserError
from analysis.importing.classes import Classes
from analysis.importing.consistency import ImageTable, check_runs, image_table, runs_of
from analysis.importing.encode import Run
from analysis.importing.features import features_of_scores, imported_features, open_features
from analysis.importing.image_keys import ImageKeys
from analysis.importing.images import (
    Known,
    bare_table,
    of_dataset,
    of_sweep,
    picture_blocks,
)
from analysis.importing.reading import Read, read_files, some
from analysis.importing.record import (
    add_runs,
    fingerprint,
    interrupted_runs,
    new_manifest,
    note_of_runs,
)
from analysis.importing.request import ImportConfig
from analysis.importing.runs import RunWriter, outputs_of
from analysis.importing.sources import Source, sources
from analysis.importing.spool import Spool
from analysis.outputs.features import Features
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, write_features
from analysis.store.manifest import FileRecord, Manifest, left_out_records
from analysis.store.transfer import (
    aside,
    is_headless,
    publish,
    remove_empty,
    work_file,
)

Progress = Callable[[str, int, int], None]
IMAGES = "images.parquet"


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class Imported:
    """The result of an import: the manifest, the imported runs, and notes.

    The manifest is None if nothing was written (``--check``).
    """

    manifest: Manifest | None
    runs: list[Run]
    n_images: int
    notes: list[str]
    class_names: tuple[str, ...]


def import_predictions(
    config: ImportConfig, cache: Cache, *, progress: Progress = _silent
) -> Imported:
    """Import predictions from files into a new or an imported sweep.

    All runs are imported or none: files are prepared aside and published together.

    Parameters
    ----------
    config : ImportConfig
        The files, the sweep's name, and options for reading them.
    cache : Cache
        The folder of all sweeps.
    progress : callable
        Takes a phase, the number done and the total.

    Raises
    ------
    UserError
        A file, row or value cannot be used; the message names it. The cache is unchanged.
    RunError
        A file cannot be written.
    """
    files = sources(config)
    folder = cache.sweep(config.name)
    known_images = None if config.images is None else of_dataset(config.images, config.split)
    _check_name(folder)
    if config.check:
        with tempfile.TemporaryDirectory(prefix="lethe-check-") as work:
            made = SweepFolder(Path(work) / config.name)
            return _Import(config, folder, made, known_images, progress).run(files)
    try:
        with folder.locked(), aside(folder) as made:
            return _Import(config, folder, made, known_images, progress).run(files)
    except OSError as error:
        raise RunError(f"sweep '{config.name}' could not be written: {error}") from error
    finally:
        remove_empty(folder)


def _check_name(folder: SweepFolder) -> None:
    if folder.exists and folder.manifest().origin != "imported":
        was = "made of external models" if folder.manifest().origin == "external" else "trained"
        raise UserError(
            f"sweep '{folder.name}' was {was}, not imported; import into another --name"
        )
    if is_headless(folder):
        raise UserError(
            f"{folder.path} has predictions but no manifest; restore it, remove the folder, or "
            "choose another --name"
        )


class _Import:
    """One import into a locked sweep."""

    def __init__(
        self,
        config: ImportConfig,
        folder: SweepFolder,
        made: SweepFolder,
        known: Known | None,
        progress: Progress,
    ) -> None:
        self._config, self._folder, self._made, self._progress = config, folder, made, progress
        self._manifest = folder.manifest() if folder.exists else None
        # The runs of an interrupted import may be repeated.
        self._existing = runs_of(self._manifest) - interrupted_runs(folder.cut_off)
        self._known = known
        self._notes: list[str] = []
        if self._manifest is not None:
            self._known = self._known_of_sweep(self._manifest, known)

    def _known_of_sweep(self, manifest: Manifest, known: Known | None) -> Known:
        if known is not None:
            before = manifest.dataset.images_fingerprint
            if before != known.fingerprint:
                was = "without --images" if before is None else "with other images"
                raise UserError(
                    f"sweep '{manifest.name}' was imported {was}; omit --images, or use "
                    "another --name"
                )
        return of_sweep(self._folder, manifest.class_names)

    def run(self, files: list[Source]) -> Imported:
        total = sum(source.path.stat().st_size for source in files)
        with closing(Spool(work_file(self._made))) as spool:
            read = read_files(
                self._config,
                files,
                self._known,
                spool,
                lambda number: work_file(self._made, f"-{number}"),
                lambda done: self._progress("reading", min(done, total), total),
            )
            self._note_reading(read)
            self._notes += check_runs(self._config, read, self._existing)
            self._narrow(read)
            classes = self._classes(read)
            keys = ImageKeys(read, self._known)
            images, notes = image_table(
                self._config,
                read,
                keys,
                classes,
                lambda done, n: self._progress("checking runs", done, n),
                is_new=self._manifest is None,
            )
            self._notes += notes
            runs = RunWriter(self._config, self._made, read, keys, classes, images, self._existing)
            written = runs.write(lambda done, n: self._progress("writing runs", done, n))
            self._notes += runs.notes
            features = self._features(read, keys, images)
            if self._config.check:
                return Imported(None, list(read.codes.runs), len(images.kept), self._notes,
                                classes.names)  # fmt: skip
            manifest = self._manifest or self._new_manifest(keys, classes, images)
            manifest.files |= written | features
        runs_read = list(read.codes.runs)
        add_runs(manifest, runs_read, read.files, paired=self._config.paired)
        manifest.left_out += left_out_records(images.left_out)
        notes_before = [*manifest.dataset.notes, *self._notes]
        manifest.dataset.notes = list(dict.fromkeys(notes_before))
        publish(self._made, self._folder, manifest, note_of_runs(runs_read))
        return Imported(manifest, runs_read, len(images.kept), self._notes, classes.names)

    def _note_reading(self, read: Read) -> None:
        notes = self._notes
        for pairs in dict.fromkeys(tuple(one.items()) for one in read.understood.values()):
            taken = ", ".join(f"'{theirs}' as {ours}" for ours, theirs in pairs)
            notes.append(f"columns matched by their usual names: {taken} (override with --map)")
        if read.by_row:
            notes.append(f"{some(read.by_row)}: rows name no image; they are the images in order")
        notes += read.codes.notes
        if not read.codes.has_seeds:
            notes.append("a table has no column 'seed'; its runs have seed 0")
        for typed, ours in read.codes.respelled.items():
            notes.append(f"variant {typed} is stored as {ours}")
        for file, names in list(read.unread.items())[:1]:
            first = ", ".join(f"{name[:40]!r}"[1:-1] for name in names[:6])
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            notes.append(f"columns of {file} that are ignored: {first}{more}")

    def _narrow(self, read: Read) -> None:
        """Use only the last of two splits if the files have as many images."""
        known = self._known
        if known is None or known.tail is None:
            return
        n_test = len(known) - known.tail
        if read.codes.by_path:
            return
        if read.n_ids == n_test:
            note = (
                f"{known.what} has a train and a test split, and the files name as many images "
                "as the test split has: image_id is the index in the test split"
            )
            self._known = known.test_alone(note)
            self._notes.append(note)

    def _classes(self, read: Read) -> Classes:
        outputs = outputs_of(self._config, read)
        known = None if self._known is None else self._known.classes
        n = self._config.n_classes
        if n is not None and known is not None and n != len(known.names) and outputs.n == n:
            raise UserError(
                f"{known.source} has {len(known.names)} classes, and --classes {n}; a --classes "
                "FILE names them"
            )
        classes = read.codes.classes.resolve(read.rows.where, outputs, known)
        if classes.unlabelled:
            self._notes.append(
                f"{len(classes.unlabelled)} of {len(classes.names):,} class names are predicted "
                "but label no image: "
                + some([f"{name[:40]!r}" for name in classes.unlabelled])
                + "; are they spelled as the labels are?"
            )
        if classes.respelled:
            pairs = [
                f"{predicted[:40]!r} as {label[:40]!r}" for predicted, label in classes.respelled
            ]
            self._notes.append(
                f"predicted names matched to labels with other spelling: {some(pairs)}"
            )
        return classes

    def _features(self, read: Read, keys: ImageKeys, images: ImageTable) -> dict[str, FileRecord]:
        """Write the features of the kept images: imported ones, else from dense scores."""
        if self._config.features is None:
            return {} if self._has_features else self._features_of_scores(read, keys, images)
        path = Path(self._config.features)
        order = read.in_order
        n = len(keys) if order is None else len(order)
        features = open_features(path, n)
        row = np.arange(n)
        if order is not None:
            row = np.full(len(keys), -1)
            row[keys.of(order)] = np.arange(n)
        elif keys.by_path and keys.known is None:
            raise UserError(
                f"--features {path}: rows are the images in order, and the files name images by "
                "path; give the path of each row with --paths FILE"
            )
        taken = row[images.kept]
        if (taken < 0).any():
            raise UserError(f"--features {path} has no row of {keys.name(int(images.kept[0]))}")
        return self._write_features(imported_features(path, features, taken))

    @property
    def _has_features(self) -> bool:
        return self._manifest is not None and FEATURES in self._manifest.files

    def _features_of_scores(
        self, read: Read, keys: ImageKeys, images: ImageTable
    ) -> dict[str, FileRecord]:
        try:
            found = features_of_scores(read, keys, images)
        except UserError as error:
            self._notes.append(f"no features of the images: {error}")
            return {}
        return {} if found is None else self._write_features(found)

    def _write_features(self, found: Features) -> dict[str, FileRecord]:
        return {FEATURES: write_features(self._made, found.values, about=found.about)}

    def _new_manifest(self, keys: ImageKeys, classes: Classes, images: ImageTable) -> Manifest:
        """Write the images of a new sweep and begin its manifest."""
        kept, known = images.kept, keys.known
        label, ids = images.label[kept], keys.ids_of(kept)
        paths = keys.paths_of(kept, images.path[kept])
        manifest = new_manifest(
            self._config,
            classes.names,
            fingerprint(
                classes.names,
                label,
                paths or [str(key) for key in kept.tolist()],
                known.fingerprint if known else "",
            ),
            known,
            len(kept),
        )
        if known is None:
            record = self._made.write_images(bare_table(label, paths, ids))
        else:
            layout, blocks, unusable = picture_blocks(
                known.parts, kept, label, ids, lambda done, n: self._progress("thumbnails", done, n)
            )
            record = self._made.write_images_in_blocks(layout, blocks)
            manifest.left_out += left_out_records(unusable)
            if unusable:
                self._notes.append(
                    f"{len(unusable)} images cannot be shown; the manifest lists them"
                )
            manifest.dataset.notes = list(known.notes)
        manifest.files[IMAGES] = record
        return manifest
