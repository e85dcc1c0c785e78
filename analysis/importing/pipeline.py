"""Import from files to cache: read, check, write aside, publish as a whole."""

import hashlib
import platform
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.errors import RunError, UserError
from analysis.importing.classes import Classes
from analysis.importing.consistency import ImageKeys, ImageTable, image_table
from analysis.importing.encode import Run, Spool, order, variant_record
from analysis.importing.images import (
    Known,
    bare_table,
    of_dataset,
    of_sweep,
    picture_blocks,
)
from analysis.importing.reading import Read, check_runs, dense_of, read_files, runs_of, some
from analysis.importing.request import ImportConfig, expand
from analysis.importing.writing import table_of_rows, table_of_scores
from analysis.store import Cache, SweepFolder
from analysis.store.manifest import (
    DatasetRecord,
    DeviceRecord,
    ImportedFile,
    Manifest,
    left_out_records,
)
from analysis.store.transfer import (
    aside,
    finish,
    is_cut_off,
    is_headless,
    publish,
    remove_empty,
    work_file,
)

_LIBRARIES = ("numpy", "pandas", "pyarrow", "pillow")
SPEC = "imported predictions"


def fingerprint(
    class_names: tuple[str, ...],
    label: npt.NDArray[np.int32],
    names: list[str],
    images: str,
) -> str:
    """SHA-256 of class names, labels, the images' names and, where there are any, pictures."""
    digest = hashlib.sha256(
        "\0".join(("imported", images, *class_names)).encode("utf-8", "replace")
    )
    digest.update(label.astype("<i4").tobytes())
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def new_manifest(
    asked: ImportConfig,
    class_names: tuple[str, ...],
    data_fingerprint: str,
    known: Known | None,
    n_images: int,
) -> Manifest:
    """Start the manifest of an imported sweep."""
    dataset = DatasetRecord(asked.images or SPEC, n_train=0, n_test=n_images)
    dataset.images_fingerprint = None if known is None else known.fingerprint
    return Manifest(
        name=asked.name,
        dataset=dataset,
        dataset_fingerprint=data_fingerprint,
        class_names=list(class_names),
        origin="imported",
        device=DeviceRecord("imported"),
    )


def add_runs(
    manifest: Manifest, runs: list[tuple[str, int]], files: list[dict[str, Any]], *, paired: bool
) -> None:
    """Add variants, seeds, runs and the files they came from, in place.

    Raises
    ------
    UserError
        A variant there already is paired with dense where this import's is not, or the reverse.
    """
    known = {record.variant_id: record for record in manifest.variants}
    added = []
    for variant_id in dict.fromkeys(variant_id for variant_id, _ in runs):
        record = variant_record(variant_id, paired=paired)
        before = known.get(variant_id)
        if before is None:
            added.append(record)
        elif before.paired != record.paired:
            others = {*manifest.done_seeds(variant_id)} - {s for v, s in runs if v == variant_id}
            if others:
                how = "with" if before.paired else "without"
                raise UserError(
                    f"variant '{variant_id}' of sweep '{manifest.name}' was imported {how} "
                    "--paired; import its other runs the same way"
                )
            before.paired = record.paired
    manifest.variants = [*manifest.variants, *sorted(added, key=order)]
    manifest.variants.sort(key=lambda record: record.variant_id != DENSE_ID)
    manifest.seeds = sorted({*manifest.seeds, *(seed for _, seed in runs)})
    for variant_id, seed in runs:
        manifest.run(variant_id, seed).state = "done"
    manifest.settle_absent()
    manifest.config.variants = [record.variant_id for record in manifest.variants]
    manifest.config.seeds = len(manifest.seeds)
    manifest.imported = [*manifest.imported, *(ImportedFile(**one) for one in files)]
    paired_ids = [record.variant_id for record in manifest.variants if record.paired]
    manifest.pairing = (
        f"imported; seed k of {', '.join(paired_ids)} was made from dense seed k"
        if paired_ids
        else "imported; runs are taken as independent of the dense ones"
    )
    manifest.versions = {name: version(name) for name in _LIBRARIES}
    manifest.versions["python"] = platform.python_version()


Progress = Callable[[str, int, int], None]
IMAGES = "images.parquet"


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class Imported:
    """What an import did: the manifest, the runs it brought, and what is to be said."""

    manifest: Manifest
    runs: list[Run]
    n_images: int
    notes: list[str]


def import_predictions(
    asked: ImportConfig, cache: Cache, *, progress: Progress = _silent
) -> Imported:
    """Bring predictions made elsewhere into a sweep, a new one or one imported before.

    All runs come in, or none: files are made aside and published together.

    Parameters
    ----------
    asked : ImportConfig
        The files, the sweep's name, and how the files are to be read.
    cache : Cache
        The folder of all sweeps.
    progress : callable
        Takes a phase, the number done and the total.

    Raises
    ------
    UserError
        A file, a row or a value cannot be used; the message names it. The cache is as it was.
    RunError
        The disk refused a file.
    """
    files = expand(asked.files)
    folder = cache.sweep(asked.name)
    given = None if asked.images is None else of_dataset(asked.images)
    _check_name(folder)
    try:
        with folder.locked():
            folder.sweep_leftovers()
            finish(folder)
            with aside(folder) as made:
                return _Import(asked, folder, made, given, progress).run(files)
    except OSError as error:
        raise RunError(f"sweep '{asked.name}' could not be written: {error}") from error
    finally:
        remove_empty(folder)


def _check_name(folder: SweepFolder) -> None:
    if folder.exists and folder.manifest().origin != "imported":
        was = "made of external models" if folder.manifest().origin == "external" else "trained"
        raise UserError(
            f"sweep '{folder.name}' was {was}, not imported; import into another --name"
        )
    if is_headless(folder) and not is_cut_off(folder):
        raise UserError(
            f"{folder.path} holds predictions and no manifest; restore it, remove the folder, or "
            "choose another --name"
        )


class _Import:
    """One import under the sweep's lock."""

    def __init__(
        self,
        asked: ImportConfig,
        folder: SweepFolder,
        made: SweepFolder,
        given: Known | None,
        progress: Progress,
    ) -> None:
        self._asked, self._folder, self._made, self._progress = asked, folder, made, progress
        self._manifest = folder.manifest() if folder.exists else None
        self._there = runs_of(self._manifest)
        self._known = given
        self._notes: list[str] = []
        if self._manifest is not None:
            self._known = self._known_of_sweep(self._manifest, given)

    def _known_of_sweep(self, manifest: Manifest, given: Known | None) -> Known:
        if given is not None:
            before = manifest.dataset.images_fingerprint
            if before != given.fingerprint:
                was = "without --images" if before is None else "with other images"
                raise UserError(
                    f"sweep '{manifest.name}' was imported {was}; leave --images out, or give "
                    "another --name"
                )
        return of_sweep(self._folder, manifest.class_names)

    def run(self, files: list[Any]) -> Imported:
        total = sum(path.stat().st_size for path, _ in files)
        with closing(Spool(work_file(self._made))) as spool:
            read = read_files(
                self._asked,
                files,
                self._known,
                spool,
                lambda done: self._progress("reading", min(done, total), total),
            )
            self._note_reading(read)
            self._notes += check_runs(self._asked, read, self._there)
            self._narrow(read)
            classes = self._classes(read)
            keys = ImageKeys(read, self._known)
            images, notes = image_table(
                self._asked,
                read,
                keys,
                classes,
                lambda done, n: self._progress("checking runs", done, n),
                is_new=self._manifest is None,
            )
            self._notes += notes
            manifest = self._manifest or self._new_manifest(keys, classes, images)
            self._write_runs(read, keys, classes, images, manifest)
        runs = list(read.codes.runs)
        add_runs(manifest, runs, read.files, paired=self._asked.paired)
        manifest.left_out += left_out_records(images.left_out)
        said = [*manifest.dataset.notes, *self._notes]
        manifest.dataset.notes = list(dict.fromkeys(said))
        publish(self._made, self._folder, manifest)
        return Imported(manifest, runs, len(images.kept), self._notes)

    def _note_reading(self, read: Read) -> None:
        if not read.codes.has_seeds:
            self._notes.append("a table has no column 'seed'; its runs are taken as seed 0")
        for given, ours in read.codes.respelled.items():
            self._notes.append(f"variant {given} is written {ours}, as levels are everywhere")
        for file, names in list(read.unread.items())[:1]:
            some = ", ".join(f"{name[:40]!r}"[1:-1] for name in names[:6])
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            self._notes.append(f"columns of {file} that are not read: {some}{more}")

    def _narrow(self, read: Read) -> None:
        """Take the last split alone where a dataset has two and the files are of that one."""
        known = self._known
        if known is None or known.tail is None:
            return
        n_test = len(known) - known.tail
        if read.codes.by_path:
            return
        if read.n_ids == n_test:
            note = (
                f"{known.what} has a train and a test split, and as many images are named as the "
                "test split has: image_id is the place in the test split"
            )
            self._known = known.test_alone(note)
            self._notes.append(note)

    def _classes(self, read: Read) -> Classes:
        sizes = {one.scores.n_classes: one.scores.path for one in read.scored.values()}
        if len(sizes) > 1:
            (n, path), (other, beside) = list(sizes.items())[:2]
            raise UserError(f"{beside} has {other} classes (columns) and {path} has {n}")
        n_classes = next(iter(sizes), self._asked.n_classes)
        names = None if self._known is None else self._known.class_names
        for what, asked in (
            ("--classes", self._asked.n_classes),
            ("--images", names and len(names)),
        ):
            if asked is not None and n_classes is not None and asked != n_classes:
                of = "--classes" if not sizes else f"{next(iter(sizes.values()))}"
                where = self._known.what if what == "--images" and self._known else what
                raise UserError(f"{of} has {n_classes} classes, and {where} {asked}")
        classes = read.codes.classes.resolve(
            read.rows.where,
            known=names,
            known_from=self._known.what if self._known is not None else "",
            n_classes=n_classes,
        )
        if classes.unlabelled:
            self._notes.append(
                f"{len(classes.unlabelled)} of {len(classes.names):,} class names are predicted "
                "and no image's label: "
                + some([f"{name[:40]!r}" for name in classes.unlabelled])
                + "; are they spelled as the labels are?"
            )
        return classes

    def _new_manifest(self, keys: ImageKeys, classes: Classes, images: ImageTable) -> Manifest:
        """Write the images of a new sweep, and start its manifest."""
        kept, known = images.kept, keys.known
        label, ids = images.label[kept], keys.ids_of(kept)
        paths = keys.paths_of(kept, images.path[kept])
        manifest = new_manifest(
            self._asked,
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
                known.parts, kept, ids, lambda done, n: self._progress("thumbnails", done, n)
            )
            record = self._made.write_images_in_blocks(layout, blocks)
            manifest.left_out += left_out_records(unusable)
            if unusable:
                self._notes.append(
                    f"{len(unusable)} pictures cannot be shown; the manifest names them"
                )
            manifest.dataset.notes = list(known.notes)
        manifest.files[IMAGES] = record
        return manifest

    def _write_runs(
        self,
        read: Read,
        keys: ImageKeys,
        classes: Classes,
        images: ImageTable,
        manifest: Manifest,
    ) -> None:
        n_with_kl = 0
        for run, code in read.codes.runs.items():
            scored = read.scored.get(code)
            if scored is None:
                rows, number = read.spool.read(code)
                held: Any = rows
                table = table_of_rows(
                    rows,
                    number,
                    images.place[keys.of(held["image"])],
                    classes.of_code,
                    len(classes.names),
                    read.rows,
                )
            else:
                dense = dense_of(run, read, self._there, paired=self._asked.paired)
                n_with_kl += dense is not None
                label = classes.of_code[scored.label].astype("int64")
                table = table_of_scores(scored.scores, dense, label, images.place)
            record = self._made.write_predictions(*run, table, {})
            path = self._made.relative(self._made.prediction_path(*run))
            manifest.files[path] = record
            self._progress("writing runs", code + 1, len(read.codes.runs))
        if read.scored and not n_with_kl:
            has_dense = any(variant_id == DENSE_ID for variant_id, _ in read.codes.runs)
            self._notes.append(
                "KL from dense is not computed: it takes scores of a dense run and of one made "
                "from it in one import, one run a variant or --paired"
                + ("" if has_dense else "; name the dense file too, with --overwrite")
            )
