"""Verbs on the cache: list, show, rename, remove, merge, verify, join, bench."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from analysis.cli.console import ProgressBars, tell
from analysis.errors import LetheError, UserError
from analysis.store import Cache, SweepFolder, publishing
from analysis.store.join import join
from analysis.store.manifest import Manifest


def keep_tables(cache: Cache, name: str, progress: Callable[[str, int, int], None]) -> None:
    """Compute and store tables that the first visitor of a sweep would wait for."""
    from analysis.results import SweepResults

    SweepResults(cache.existing(name)).keep_tables(progress)


def tell_pairing(cache: Cache, name: str) -> None:
    """Warn of runs that are taken as independent and look made from each other."""
    from analysis.presentation.pair_findings import pairing_hints
    from analysis.results import SweepResults

    for hint in pairing_hints(SweepResults(cache.existing(name))):
        print(f"{name}: {hint}")


_ROOT = Path(__file__).parents[2]


def _add_bench(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    bench = verbs.add_parser("bench", parents=[common], help="run the project's own benchmarks")
    bench.add_argument("names", nargs="*", metavar="NAME", help="only these")
    bench.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace, _: Cache) -> int:
    """Run the benchmarks from the project's folder."""
    if not (_ROOT / "benchmarks").is_dir():
        raise UserError("the benchmarks are in the project's repository; run this from a clone")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options.names], cwd=_ROOT, check=False
    ).returncode


def _add_cache_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    listing = verbs.add_parser("list", parents=[common], help="list the sweeps of the cache")
    listing.set_defaults(run=run_list)
    for verb, run, text in (
        ("show", run_show, "print the state, size and provenance of a sweep"),
        ("remove", run_remove, "delete a sweep and its files; annotations stay"),
        ("verify", run_verify, "compare every file of a sweep with its manifest"),
    ):
        parser = verbs.add_parser(verb, parents=[common], help=text)
        parser.add_argument("sweep", metavar="SWEEP")
        if verb == "show":
            parser.add_argument(
                "--results", action="store_true", help="the summary of all variants, as Markdown"
            )
        parser.set_defaults(run=run)
    rename = verbs.add_parser("rename", parents=[common], help="rename a sweep")
    rename.add_argument("sweep", metavar="SWEEP")
    rename.add_argument("new", metavar="NEW")
    rename.set_defaults(run=run_rename)
    merging = verbs.add_parser(
        "merge", parents=[common], help="join the runs of one sweep made on two machines"
    )
    merging.add_argument("first", metavar="A")
    merging.add_argument("second", metavar="B")
    merging.add_argument("--name", required=True, metavar="C", help="name of the new sweep")
    merging.set_defaults(run=run_merge)


def run_list(_: argparse.Namespace, cache: Cache) -> int:
    """Print one line per sweep."""
    names = cache.names()
    if not names:
        print(f"no sweep in {cache.root}; 'python -m analysis demo' makes one")
    for name in names:
        folder = cache.sweep(name)
        try:
            print(_line(folder, folder.manifest()))
        except LetheError as error:
            tell(f"{name}: {error}")
    return 0


def _line(folder: SweepFolder, manifest: Manifest) -> str:
    state = "complete" if manifest.is_complete else "running" if folder.is_running else "unfinished"
    return (
        f"{folder.name}: {manifest.n_done} of {manifest.n_runs} runs ({state}), "
        f"{len(manifest.variants)} variants x {len(manifest.seeds)} seeds, "
        f"{sum(folder.sizes().values()) / 1e6:.1f} MB"
    )


def run_show(options: argparse.Namespace, cache: Cache) -> int:
    """Print the description of a sweep, or its results."""
    from analysis.datasets.rotation import ROTATED
    from analysis.presentation.evaluated import (
        images_sentence,
        looks_sentence,
        machine_sentences,
        note_sentences,
    )
    from analysis.presentation.pair_findings import pairing

    folder = cache.existing(options.sweep)
    manifest = folder.manifest()
    if options.results:
        from analysis.presentation.tables import pairs_text, summary_text
        from analysis.results import SweepResults

        results = SweepResults(folder)
        print(summary_text(results.summary()))
        if pairs := pairs_text(results.pairs(), results.summary()):
            print(f"\n{pairs}")
        return 0
    print(_line(folder, manifest))
    dataset, model = manifest.dataset, manifest.model
    tail = f" ({ROTATED})" if dataset.tail is not None else ""
    split = "" if manifest.origin != "trained" else f"{dataset.n_train} train{tail} and "
    kind = "images" if manifest.origin == "imported" else "test images"
    print(
        f"dataset: {dataset.spec}, {split}{dataset.n_test} {kind}, "
        f"{len(manifest.class_names)} classes"
    )
    if images := images_sentence(manifest):
        print(f"images: {images}")
    for record in manifest.models.values():
        print(f"model {record.input}; SHA-256 {record.sha256[:12]}")
    if model.parameters and manifest.origin != "external":
        size = " x ".join(str(side) for side in model.image_size or [])
        print(f"model: {model.name}, {model.parameters:,} parameters, input {size}")
    print(f"pairing: {pairing(manifest)}")
    if looks := looks_sentence(manifest):
        print(f"looks: {looks}")
    for machine in machine_sentences(manifest):
        print(f"machine: {machine}")
    print(f"made: {manifest.created}, last changed {manifest.updated}")
    for variant in manifest.variants:
        runs = manifest.runs.get(variant.variant_id, {})
        failed = [f"seed {s}: {r.error}" for s, r in runs.items() if r.state == "failed"]
        done = len(manifest.done_seeds(variant.variant_id))
        print(f"  {variant.variant_id}: {done} of {len(manifest.seeds)} runs", *failed, sep="; ")
    for shift in manifest.shifts:
        done = sum(len(manifest.shifted_seeds(shift.name, v.variant_id)) for v in manifest.variants)
        source = "" if shift.dataset is None else f" ({shift.dataset}, {shift.n_images} images)"
        print(f"  shift {shift.name}{source}: {done} of {manifest.n_runs} runs")
    for note in note_sentences(manifest):
        print(f"note: {note}")
    if manifest.left_out:
        print(f"files left out: {len(manifest.left_out)}")
        for entry in manifest.left_out:
            print(f"  {entry.file!r}: {entry.reason}")
    return 0


def run_rename(options: argparse.Namespace, cache: Cache) -> int:
    """Rename a sweep."""
    cache.rename(options.sweep, options.new)
    return 0


def run_remove(options: argparse.Namespace, cache: Cache) -> int:
    """Delete a sweep."""
    folder = cache.remove(options.sweep)
    if folder is not None:
        print(f"{options.sweep}: removed; annotations were kept in {folder}")
    return 0


def run_merge(options: argparse.Namespace, cache: Cache) -> int:
    """Merge two sweeps into a new one."""
    from analysis.presentation.evaluated import machine_notes
    from analysis.sweep.merge import merge

    with ProgressBars(sys.stderr) as bars:
        merged = merge(cache, options.first, options.second, options.name)
        keep_tables(cache, merged.name, bars)
    print(f"{merged.name}: {merged.n_done} of {merged.n_runs} runs done")
    for note in machine_notes(merged):
        tell(f"warning: {merged.name}: {note}")
    return 0


def run_verify(options: argparse.Namespace, cache: Cache) -> int:
    """Print the problems of a sweep's files; return 1 if there are any."""
    folder = cache.existing(options.sweep)
    _finish(folder)
    problems = folder.verify()
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{folder.name}: {len(folder.manifest().files)} files, all as the manifest says")
    return 1 if problems else 0


def _finish(folder: SweepFolder) -> None:
    """Finish a change of files that a killed process had begun."""
    if publishing.is_committed(folder.path):
        with suppress(LetheError), folder.locked():  # without write access, files are read in place
            print(f"{folder.name}: finished a change that was cut off")


_ABOUT = """\
Join the columns of a table to the test images of a sweep, as meta_* columns: labels of people, \
attributes, places. Rows are matched by the column image_id, or by path (also \
called file_name, filename, file, filepath or image) if there is none, by the longest tail that \
one image has; images without a row get no value. The columns can then be filtered by, exported \
and compared: python -m analysis export SWEEP attributes."""


def _add_join(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "join",
        parents=[common],
        help="join columns of a table to the images, by image_id or path",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "file", metavar="FILE", help=".csv, .parquet or JSON lines (.jsonl), gzipped (.gz) or not"
    )
    parser.add_argument(
        "--map", action="append", default=[], metavar="OURS=THEIRS",
        help="repeatable; the name in the file of the column path or image_id, or of another "
        "column: weather=Wetter makes meta_weather",
    )  # fmt: skip
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out the rows of other images"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing meta_* columns")
    parser.set_defaults(run=run_join)


def run_join(options: argparse.Namespace, cache: Cache) -> int:
    """Join a file."""
    notes: list[str] = []
    names = join(
        cache.existing(options.sweep),
        options.file,
        overwrite=options.overwrite,
        columns=_join_columns(options.map),
        allow_missing=options.allow_missing,
        notify=notes.append,
    )
    print(f"{options.sweep}: joined {', '.join(names)}")
    for note in notes:
        print(f"{options.sweep}: {note}")
    return 0


def _join_columns(items: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for item in items:
        ours, _, theirs = item.partition("=")
        if not ours.strip() or not theirs:
            raise UserError(f"--map {item}: expected OURS=THEIRS, such as --map path=file_name")
        if ours in columns or theirs in columns.values():
            raise UserError(f"--map {item}: '{ours}' or '{theirs}' is mapped already")
        columns[ours] = theirs
    return columns


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    for add in (_add_cache_verbs, _add_join, _add_bench):
        add(verbs, common)
