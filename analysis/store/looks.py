"""Looks at results: seeds that were added once results could be seen, so that tests allow for it.

Adding seeds until a test is significant finds something where nothing is, so the manifest keeps how
many seeds were planned, and every time that more were added.
"""

from datetime import UTC, datetime

from analysis.config import DENSE_ID
from analysis.store.manifest import Manifest
from analysis.store.records import Look

Seeds = dict[str, set[int]]


def seeds_seen(manifest: Manifest) -> Seeds:
    """Return the seeds of every variant whose results could be seen; empty where none could.

    Those are the variants that all asked runs have ended of, well or not, where those of dense have
    too. Take it before the manifest is extended, and give it to :func:`note_look` then.

    Parameters
    ----------
    manifest : Manifest
    """
    asked = _asked(manifest)
    waiting = {v for v, _, run in manifest.all_runs() if run.state == "planned"}
    ended = {v: seeds for v, seeds in asked.items() if v not in waiting}
    is_compared = DENSE_ID not in waiting and (len(asked) == 1 or {*ended} != {DENSE_ID})
    return ended if is_compared else {}


def note_look(manifest: Manifest, seen: Seeds) -> None:
    """Note a look where a variant whose results could be seen has more seeds now, in place.

    Variants that are new, and runs that were cut off and are made now, are no look. Where a look is
    under way, its number of seeds is what is asked now.

    Parameters
    ----------
    manifest : Manifest
        Extended already; its new runs are not made yet, or have just been imported.
    seen : dict
        What :func:`seeds_seen` gave before.
    """
    now = _asked(manifest)
    compared = [v for v in seen if v != DENSE_ID] or [*seen]
    n_seeds = max((len(seeds) for seeds in now.values()), default=0)
    if any(now.get(v, set()) - seen[v] for v in compared):
        before = max(len(seeds) for seeds in seen.values())
        first = manifest.looks or [Look(before, manifest.created)]
        time = datetime.now(UTC).isoformat(timespec="seconds")
        manifest.looks = [*first, Look(n_seeds, time)]
    elif manifest.looks and not seen:
        manifest.looks[-1].seeds = max(n_seeds, manifest.looks[-1].seeds)


def _asked(manifest: Manifest) -> Seeds:
    found: Seeds = {}
    for variant_id, seed, run in manifest.all_runs():
        if run.state != "absent":
            found.setdefault(variant_id, set()).add(seed)
    return found
