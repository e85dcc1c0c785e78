"""An import from its files to the cache: read, checked, written aside, then published whole."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.errors import RunError, UserError
from analysis.importing.asked import Asked, expand
from analysis.importing.checking import Checker, Facts, ImageTable
from analysis.importing.classes import Classes
from analysis.importing.images import (
    Known,
    bare_table,
    of_dataset,
    of_sweep,
    picture_blocks,
)
from analysis.importing.npz import Scores
from analysis.importing.reading import Read, named, read_files
from analysis.importing.recording import add_runs, fingerprint, new_manifest
from analysis.importing.spool import Spool
from analysis.importing.writing import table_of_rows, table_of_scores
from analysis.manifest import Manifest
from analysis.store import Cache, SweepFolder
from analysis.store.publishing import (
    aside,
    finish,
    is_cut_off,
    is_headless,
    publish,
    remove_empty,
    work_file,
)

Progress = Callable[[str, int, int], None]
Run = tuple[str, int]
IMAGES = "images.parquet"
_NAMED = 3


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class Imported:
    """What an import did: the manifest, the runs it brought, and what is to be said."""

    manifest: Manifest
    runs: list[Run]
    n_images: int
    notes: list[str]


def import_predictions(asked: Asked, cache: Cache, *, progress: Progress = _silent) -> Imported:
    """Bring predictions made elsewhere into a sweep, a new one or one imported before.

    All runs come in, or none: files are made aside and published together.

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
    if folder.exists and not folder.manifest().is_imported:
        was = "made of given models" if folder.manifest().is_given else "trained"
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
        asked: Asked,
        folder: SweepFolder,
        made: SweepFolder,
        given: Known | None,
        progress: Progress,
    ) -> None:
        self._asked, self._folder, self._made, self._progress = asked, folder, made, progress
        self._manifest = folder.manifest() if folder.exists else None
        self._known = given
        self._notes: list[str] = []
        if self._manifest is not None:
            self._known = self._known_of_sweep(self._manifest, given)

    def _known_of_sweep(self, manifest: Manifest, given: Known | None) -> Known:
        if given is not None:
            before = manifest.dataset.get("images_fingerprint")
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
            runs = list(read.codes.runs)
            self._check_runs(runs, read)
            self._narrow(read)
            classes = self._classes(read)
            images = self._images(read, classes)
            manifest = self._new_manifest(read, classes, images)
            self._write_runs(read, classes, images, manifest)
        add_runs(manifest, runs, read.files, paired=self._asked.paired)
        manifest.left_out += images.left_out
        manifest.dataset["notes"] = list(
            dict.fromkeys([*manifest.dataset.get("notes", []), *self._notes])
        )
        publish(self._made, self._folder, manifest)
        return Imported(manifest, runs, len(images.kept), self._notes)

    # --- checks --------------------------------------------------------------------------------
    def _note_reading(self, read: Read) -> None:
        if not read.codes.has_seeds:
            self._notes.append("a table has no column 'seed'; its runs are taken as seed 0")
        for given, ours in read.codes.respelled.items():
            self._notes.append(f"variant {given} is written {ours}, as levels are everywhere")
        for file, names in list(read.unread.items())[:1]:
            some = ", ".join(f"{name[:40]!r}"[1:-1] for name in names[:6])
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            self._notes.append(f"columns of {file} that are not read: {some}{more}")

    def _check_runs(self, runs: list[Run], read: Read) -> None:
        there: set[Run] = set()
        if self._manifest is not None:
            there = {
                (variant.variant_id, seed)
                for variant in self._manifest.variants
                for seed in self._manifest.done_seeds(variant.variant_id)
            }
        again = [run for run in runs if run in there]
        if again and not self._asked.overwrite:
            raise UserError(
                f"sweep '{self._asked.name}' has the run {named(again[0])} already"
                + (f", and {len(again) - 1} more of these" if len(again) > 1 else "")
                + "; --overwrite replaces it, or leave it out"
            )
        every = there | set(runs)
        variants = list(dict.fromkeys(variant_id for variant_id, _ in [*there, *runs]))
        if DENSE_ID not in variants:
            raise UserError(
                f"{read.rows.file(0)}: no run is of variant 'dense', the uncompressed model that "
                f"the others are held against; there are {_some(sorted(variants))}: name one of "
                "them dense, or import its predictions with them"
            )
        seeds = sorted({seed for _, seed in every})
        lacking = [(v, seed) for v in sorted(variants) for seed in seeds if (v, seed) not in every]
        if lacking and not self._asked.allow_missing:
            variant_id, seed = lacking[0]
            other = next(v for v in sorted(variants) if (v, seed) in every)
            of_variant = [s for v, s in runs if v == variant_id] or [seed]
            code = read.codes.runs.get((variant_id, of_variant[0]))
            where = "" if code is None else f"{read.rows.file(read.codes.first_of_run[code])}: "
            raise UserError(
                f"{where}uneven seeds: {variant_id} has no seed {seed}, which {other} has "
                f"({len(lacking)} runs are missing so that every variant has every seed); add "
                "them, or --allow-missing takes the runs there are"
            )
        if lacking:
            self._notes.append(
                f"uneven seeds: {len(lacking)} runs were not brought, such as {named(lacking[0])}"
            )

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
        return read.codes.classes.resolve(
            read.rows.where,
            known=names,
            known_from=self._known.what if self._known is not None else "",
            n_classes=n_classes,
        )

    # --- images --------------------------------------------------------------------------------
    def _images(self, read: Read, classes: Classes) -> ImageTable:
        known, codes = self._known, read.codes
        paths = list(codes.paths) if codes.by_path else []
        n_keys = len(known) if known is not None else len(paths) if codes.by_path else read.n_ids

        def name_of(key: int) -> str:
            if paths:
                return f"{paths[key]!r}"
            if known is not None and known.paths is not None:
                return f"{key} ({known.paths[key]!r})"
            return f"{known.ids[key] if known is not None and known.ids is not None else key}"

        def file_of(key: int) -> str:
            named = paths or (None if known is None else known.paths)
            return name_of(key) if named is None else named[key]

        checker = Checker(n_keys, read.rows, classes.names, name_of, known)
        keep_paths = known is None and codes.has_paths and not codes.by_path
        for run, code in codes.runs.items():
            self._progress("checking runs", code + 1, len(codes.runs))
            checker.add(named(run), self._facts(read, code, classes, keep_paths))
        left_out = self._left_out(read, checker, classes, name_of)
        order = np.argsort(np.array(paths, object)) if paths and known is None else None
        return checker.table(left_out, file_of, lambda key: self._reason(checker, key), order)

    def _facts(self, read: Read, code: int, classes: Classes, keep_paths: bool) -> Facts:
        scored = read.scored.get(code)
        if scored is not None:
            number = np.arange(scored.first, scored.first + scored.scores.n)
            image = np.arange(scored.scores.n)
            path = np.full(len(image), -1, np.int32)
            return Facts(image, classes.of_code[scored.label], path, number)
        rows, number = read.spool.read(code)
        keys: Any = rows
        path = keys["path"] if keep_paths else np.full(len(rows), -1, np.int32)
        return Facts(self._keys(read, keys["image"]), classes.of_code[keys["label"]], path, number)

    def _keys(self, read: Read, image: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
        """Places of images among those that are known, -1 outside."""
        known = self._known
        if known is None or known.ids is None or read.codes.by_path:
            return image
        place = np.searchsorted(known.ids, image)
        found = known.ids[np.minimum(place, len(known.ids) - 1)] == image
        return np.where(found, place, -1)

    def _left_out(
        self, read: Read, checker: Checker, classes: Classes, name_of: Callable[[int], str]
    ) -> npt.NDArray[Any]:
        missing = checker.missing()
        if not len(missing):
            return missing
        known = self._known
        if self._is_test_alone(checker):
            self._notes.append(
                f"{known.what if known else ''} has a train and a test split, and the images that "
                "are named are those of the test split: only they are used"
            )
            return missing
        if not self._asked.allow_missing or self._manifest is not None:
            raise self._lacks(read, checker, classes, missing, name_of)
        if len(missing) == len(checker.seen()) or not len(np.setdiff1d(checker.seen(), missing)):
            raise UserError(
                f"{read.rows.file(0)}: no image is in every run; --allow-missing would leave out "
                "all"
            )
        self._notes.append(
            f"{len(missing):,} images that a run lacks are left out of all runs (--allow-missing); "
            "the manifest names them"
        )
        return missing

    def _is_test_alone(self, checker: Checker) -> bool:
        known = self._known
        if known is None or known.tail is None or self._manifest is not None:
            return False
        expected = np.arange(known.tail, len(known))
        return np.array_equal(checker.seen(), expected) and np.array_equal(
            checker.missing(), np.arange(known.tail)
        )

    def _lacks(
        self,
        read: Read,
        checker: Checker,
        classes: Classes,
        missing: npt.NDArray[Any],
        name_of: Callable[[int], str],
    ) -> UserError:
        key = next((int(k) for k in missing if checker.count(int(k))), int(missing[0]))
        many = f"; {len(missing):,} images are missing from a run" if len(missing) > 1 else ""
        mend = "complete the files, or --allow-missing leaves such images out of all runs"
        if self._manifest is not None:
            mend = f"expected the images of sweep '{self._asked.name}' in every run"
        if not checker.count(key):
            what = f" of {self._known.what}" if self._known is not None else ""
            ids = "" if self._known is not None or read.codes.by_path else (
                " (image_id counts images from 0; other ids: --map path=image_id)"
            )  # fmt: skip
            return UserError(
                f"{read.rows.file(0)}: no run has image {name_of(key)}{what}{ids}{many}; {mend}"
            )
        for run, code in read.codes.runs.items():
            facts = self._facts(read, code, classes, keep_paths=False)
            if key not in facts.image:
                file = read.rows.file(int(facts.row[0]))
                return UserError(
                    f"{file}: {named(run)} has no row for image {name_of(key)}{many}; {mend}"
                )
        raise AssertionError("an image is missing from no run")

    def _reason(self, checker: Checker, key: int) -> str:
        n = checker.count(key)
        return "is in no run" if n == 0 else f"is in {n} of {checker.n_runs} runs (--allow-missing)"

    # --- writing -------------------------------------------------------------------------------
    def _new_manifest(self, read: Read, classes: Classes, images: ImageTable) -> Manifest:
        if self._manifest is not None:
            return self._manifest
        kept, known, codes = images.kept, self._known, read.codes
        label = images.label[kept]
        paths: list[str] | None = None
        every = list(codes.paths)
        if known is not None:
            paths = None if known.paths is None else [known.paths[key] for key in kept.tolist()]
        elif codes.by_path:
            paths = [every[key] for key in kept.tolist()]
        elif codes.has_paths:
            path = images.path[kept]
            paths = [every[code] for code in path.tolist()] if (path >= 0).all() else None
        ids = None
        is_renumbered = not codes.by_path and not np.array_equal(kept, np.arange(len(kept)))
        if is_renumbered:
            ids = kept.astype(np.int64)
        names = paths or [str(key) for key in kept.tolist()]
        manifest = new_manifest(
            self._asked,
            classes.names,
            fingerprint(classes.names, label, names, known.fingerprint if known else ""),
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
            manifest.left_out += unusable
            if unusable:
                self._notes.append(
                    f"{len(unusable)} pictures cannot be shown; the manifest names them"
                )
            manifest.dataset["notes"] = list(known.notes)
        manifest.files[IMAGES] = record
        return manifest

    def _write_runs(
        self, read: Read, classes: Classes, images: ImageTable, manifest: Manifest
    ) -> None:
        place, n_classes, runs = images.place, len(classes.names), read.codes.runs
        n_with_kl = 0
        for (variant_id, seed), code in runs.items():
            scored = read.scored.get(code)
            if scored is None:
                rows, number = read.spool.read(code)
                keys: Any = rows
                table = table_of_rows(
                    rows,
                    number,
                    place[self._keys(read, keys["image"])],
                    classes.of_code,
                    n_classes,
                    read.rows,
                )
            else:
                dense = self._pair(read, manifest, (variant_id, seed))
                n_with_kl += dense is not None
                label = classes.of_code[scored.label].astype(np.int64)
                table = table_of_scores(scored.scores, dense, label, place)
            record = self._made.write_predictions(variant_id, seed, table, {})
            path = self._made.relative(self._made.prediction_path(variant_id, seed))
            manifest.files[path] = record
            self._progress("writing runs", code + 1, len(runs))
        if read.scored and not n_with_kl:
            self._notes.append(
                "KL from dense is not computed: it takes scores of a dense run and of one made "
                "from it in one import, one run a variant or --paired"
            )

    def _pair(self, read: Read, manifest: Manifest, run: Run) -> Scores | None:
        """Scores of the dense run that a run is held against image by image; None without."""
        variant_id, seed = run
        if variant_id == DENSE_ID:
            return None
        dense = {s: code for (v, s), code in read.codes.runs.items() if v == DENSE_ID}
        code = dense.get(seed) if self._asked.paired else None
        if not self._asked.paired and len(dense) == 1 and self._is_single(read, manifest):
            code = next(iter(dense.values()))
        if code not in read.scored:
            return None
        scores = read.scored[code].scores
        # Where images are left out the two may not be of the same ones, row by row.
        return scores if scores.n == read.scored[read.codes.runs[run]].scores.n else None

    def _is_single(self, read: Read, manifest: Manifest) -> bool:
        runs = {
            *read.codes.runs,
            *(
                (v.variant_id, s)
                for v in manifest.variants
                for s in manifest.done_seeds(v.variant_id)
            ),
        }
        return len({variant_id for variant_id, _ in runs}) == len(runs)


def _some(values: list[str]) -> str:
    named = ", ".join(values[:_NAMED])
    return named + (f" and {len(values) - _NAMED} more" if len(values) > _NAMED else "")
