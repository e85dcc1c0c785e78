"""Looks at results: seeds added after results could be seen, for which tests correct.

Adding seeds until a test is significant inflates false positives, so the manifest records the
planned number of seeds and every later addition.
"""

from datetime import UTC, datetime

from analysis.config import DENSE_ID
from analysis.store.manifest import Manifest
from analysis.store.records import Look

Seeds = dict[str, set[int]]


def seeds_seen(manifest: Manifest) -> Seeds:
    """Return the seeds of every variant whose results could be seen.

    Those are the variants whose requested runs have all ended, done or failed, if those of dense
    have too. Call it before extending the manifest and pass the result to :func:`note_look`.

    Parameters
    ----------
    manifest : Manifest
    """
    requested = _requested_seeds(manifest)
    waiting = {v for v, _, run in manifest.all_runs() if run.state == "planned"}
    ended = {v: seeds for v, seeds in requested.items() if v not in waiting}
    is_compared = DENSE_ID not in waiting and (len(requested) == 1 or {*ended} != {DENSE_ID})
    return ended if is_compared else {}


def note_look(manifest: Manifest, seen: Seeds) -> None:
    """Record a look in the manifest if a variant whose results could be seen has more seeds now.

    New variants and resumed runs are not a look. During a look, its number of seeds is updated to
    the requested one.

    Parameters
    ----------
    manifest : Manifest
        The extended manifest; its new runs are not made yet or have just been imported.
    seen : dict
        The earlier result of :func:`seeds_seen`.
    """
    now = _requested_seeds(manifest)
    compared = [v for v in seen if v != DENSE_ID] or [*seen]
    n_seeds = max((len(seeds) for seeds in now.values()), default=0)
    if any(now.get(v, set()) - seen[v] for v in compared):
        before = max(len(seeds) for seeds in seen.values())
        first = manifest.looks or [Look(before, manifest.created)]
        time = datetime.now(UTC).isoformat(timespec="seconds")
        manifest.looks = [*first, Look(n_seeds, time)]
    elif manifest.looks and not seen:
        manifest.looks[-1].seeds = max(n_seeds, manifest.looks[-1].seeds)


def _requested_seeds(manifest: Manifest) -> Seeds:
    found: Seeds = {}
    for variant_id, seed, run in manifest.all_runs():
        if run.state != "absent":
            found.setdefault(variant_id, set()).add(seed)
    return found
