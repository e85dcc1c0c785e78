"""All files read once: rows put aside by run, scores opened, and what their codes stand for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.filesystem.atomic import sha256
from analysis.importing.encode import FIRST, HEADER, Codes, Rows, Run, Spool, normalise
from analysis.importing.images import Known, check_matchable
from analysis.importing.npz import Scores, open_scores
from analysis.importing.readers import blocks, choose_columns
from analysis.importing.request import COLUMNS, ImportConfig
from analysis.presentation.formatting import many
from analysis.store.manifest import Manifest

Told = Callable[[int], None]
_ZERO = 0


@dataclass
class Scored:
    """A run whose scores lie in a file: its labels as codes, and the number of its first row."""

    scores: Scores
    label: npt.NDArray[np.int32]
    first: int


@dataclass
class Read:
    """What reading the files has left: rows by run in the spool, scores by run, and their codes."""

    codes: Codes
    spool: Spool
    scored: dict[int, Scored] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        """Where each row came from."""
        return self.codes.rows

    @property
    def n_ids(self) -> int:
        """One more than the highest ``image_id``."""
        return max(
            self.codes.highest_id + 1, *(one.scores.n for one in self.scored.values()), _ZERO
        )


def read_files(
    asked: ImportConfig,
    files: list[tuple[Path, str]],
    known: Known | None,
    spool: Spool,
    told: Told,
) -> Read:
    """Read every file; ``told`` hears how many bytes of all of them are read.

    Raises
    ------
    UserError
        A file or a value in it cannot be used.
    """
    read = Read(Codes(Rows()), spool)
    if all(kind == "npz" for _, kind in files):
        for ours, theirs in asked.columns.items():
            if ours in COLUMNS:
                raise UserError(
                    f"--map {ours}={theirs}: only .npz files are given, which have no column "
                    f"'{ours}'; their parts are logits, probabilities and labels"
                )
    before, has_tables = 0, False
    for path, kind in files:
        if kind == "npz":
            _read_scores(read, path, asked.columns)
        else:
            _read_table(read, path, kind, asked, known, has_tables, before, told)
            has_tables = True
        before += path.stat().st_size
        told(before)
        read.files.append({"file": path.name, "sha256": sha256(path), "rows": read.rows.n_of_file})
    if read.scored and read.codes.by_path:
        raise UserError(
            f"{next(iter(read.scored.values())).scores.path} has its images in order, and the "
            "tables name theirs by path; import them under the same image_id"
        )
    return read


def _read_table(
    read: Read,
    path: Path,
    kind: str,
    asked: ImportConfig,
    known: Known | None,
    is_settled: bool,
    before: int,
    told: Told,
) -> None:
    codes = read.codes
    codes.rows.begin(str(path), HEADER if kind == "csv" else FIRST)
    settled = is_settled

    def choose(names: list[str]) -> dict[str, str]:
        nonlocal settled
        chosen = choose_columns(path, names, asked.columns)
        if not settled:
            _settle_key(codes, chosen, known)
            settled = True
        unread = [name for name in names if name not in chosen.values()]
        if unread:
            read.unread.setdefault(path.name, unread)
        return chosen

    for block in blocks(path, kind, choose, lambda n: told(before + n)):
        if len(block[schema.LABEL]):
            read.spool.add(*normalise(block, codes))
    if not codes.rows.n_of_file:
        raise UserError(f"{path} has no row; expected one row an image and run")


def _settle_key(codes: Codes, chosen: dict[str, str], known: Known | None) -> None:
    """Decide whether images are known by path or by id; the first table says it for all."""
    has_path, has_id = schema.PATH in chosen, schema.IMAGE_ID in chosen
    is_matchable = known is not None and known.paths is not None
    codes.by_path = has_path and (is_matchable or not has_id)
    if codes.by_path and known is not None:
        check_matchable(known, by_path=True)
        codes.fixed_paths = known.what
        codes.paths = {path: place for place, path in enumerate(known.paths or [])}


def _read_scores(read: Read, path: Path, mapped: dict[str, str]) -> None:
    codes = read.codes
    codes.rows.begin(str(path), 0)
    scores, labels = open_scores(path, mapped)
    first = codes.rows.take(scores.n)

    def place(row: int) -> str:
        return codes.rows.where(first + row)

    label = codes.classes.encode(pa.array(labels), schema.LABEL, place, first)
    for other in read.scored.values():
        if np.array_equal(other.label, label):
            label = other.label  # the same labels in memory once
            break
    run = (codes.variant(scores.variant_id, lambda _: str(path), 0), scores.seed)
    if run in codes.runs:
        there = codes.rows.file(codes.first_of_run[codes.runs[run]])
        raise UserError(f"{path}: the run {named(run)} is in {there} too; give it once")
    read.scored[codes.run(*run, first)] = Scored(scores, label, first)


def named(run: tuple[str, int]) -> str:
    """Name a run for a person."""
    return f"{run[0]}, seed {run[1]}"


_NAMED = 3


def runs_of(manifest: Manifest | None) -> set[Run]:
    """Runs a sweep has already."""
    if manifest is None:
        return set()
    return {
        (variant.variant_id, seed)
        for variant in manifest.variants
        for seed in manifest.done_seeds(variant.variant_id)
    }


def check_runs(asked: ImportConfig, read: Read, there: set[Run]) -> list[str]:
    """Check the runs of the files beside those ``there``; what is to be said of them.

    Raises
    ------
    UserError
        A run is there already, none is dense, or a variant lacks a seed that another has.
    """
    runs = list(read.codes.runs)
    again = [run for run in runs if run in there]
    if again and not asked.overwrite:
        more = f", and {len(again) - 1} more of these" if len(again) > 1 else ""
        raise UserError(
            f"sweep '{asked.name}' has the run {named(again[0])} already{more}; --overwrite "
            "replaces it, or leave it out"
        )
    every = there | set(runs)
    variants = sorted({variant_id for variant_id, _ in every})
    if DENSE_ID not in variants:
        raise UserError(
            f"{read.rows.file(0)}: no run is of variant 'dense', the uncompressed model that the "
            f"others are held against; there are {some(variants)}: name one of them dense, or "
            "import its predictions with them"
        )
    seeds = sorted({seed for _, seed in every})
    lacking = [(v, seed) for v in variants for seed in seeds if (v, seed) not in every]
    if not lacking:
        return []
    if not asked.allow_missing:
        raise _uneven(read, every, lacking)
    return [f"uneven seeds: {many(len(lacking), 'run')} not brought, such as {named(lacking[0])}"]


def _uneven(read: Read, every: set[Run], lacking: list[Run]) -> UserError:
    variant_id, seed = lacking[0]
    other = min(v for v, s in every if s == seed)
    of_variant = [s for v, s in read.codes.runs if v == variant_id] or [seed]
    code = read.codes.runs.get((variant_id, of_variant[0]))
    where = "" if code is None else f"{read.rows.file(read.codes.first_of_run[code])}: "
    return UserError(
        f"{where}uneven seeds: {variant_id} has no seed {seed}, which {other} has "
        f"({many(len(lacking), 'run')} missing so that every variant has every seed); add them, or "
        "--allow-missing takes the runs there are"
    )


def dense_of(run: Run, read: Read, there: set[Run], *, paired: bool) -> Scores | None:
    """Scores of the dense run that a run is held against image by image; None without.

    That is the one of its seed where runs are ``paired``, else the only one there is where every
    variant has one run alone.
    """
    variant_id, seed = run
    if variant_id == DENSE_ID:
        return None
    dense = {s: code for (v, s), code in read.codes.runs.items() if v == DENSE_ID}
    code = dense.get(seed) if paired else None
    if not paired and len(dense) == 1 and _is_single({*read.codes.runs, *there}):
        code = next(iter(dense.values()))
    if code not in read.scored:
        return None
    scores = read.scored[code].scores
    # Where images are left out the two may not be of the same ones, row by row.
    return scores if scores.n == read.scored[read.codes.runs[run]].scores.n else None


def _is_single(runs: set[Run]) -> bool:
    return len({variant_id for variant_id, _ in runs}) == len(runs)


def some(values: list[str]) -> str:
    """Name the first of several."""
    named = ", ".join(values[:_NAMED])
    return named + (f" and {len(values) - _NAMED} more" if len(values) > _NAMED else "")
