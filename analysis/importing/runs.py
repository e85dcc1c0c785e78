"""The runs of an import: whether they are new and even, and which is held against which."""

from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.asked import Asked
from analysis.importing.npz import Scores
from analysis.importing.reading import Read, named
from analysis.manifest import Manifest
from analysis.wording import many

Run = tuple[str, int]
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


def check_runs(asked: Asked, read: Read, there: set[Run]) -> list[str]:
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
