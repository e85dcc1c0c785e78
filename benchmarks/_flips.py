"""Single flipped bits in a sweep's files: every reader must refuse, or answer as before."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks._fault_verbs import copied, lethe
from benchmarks._mutants import is_fault
from benchmarks._steps import run_child

_READERS = (
    ("export", "mine", "images"), ("export", "mine", "runs"), ("export", "mine", "classes"),
    ("export", "mine", "annotations"), ("show", "mine", "--results"),
)  # fmt: skip


def flips(made: Path, place: Path, n: int, generator: random.Random) -> Iterator[str]:
    """Flip a bit n times, restoring it each time; yield the changes that no reader reports.

    Parameters
    ----------
    made : Path
        A folder whose ``cache`` holds the sweep ``mine`` and its derived tables.
    place : Path
        Where to copy it.
    """
    files = sorted(path for path in (made / "cache").rglob("*") if path.is_file())
    files = [path for path in files if path.stat().st_size and ".lock" not in path.name]
    # Outputs contain paths, so the expected ones are read from the copy too.
    here = place / "here"
    copied(made, here)
    expected = _read_all(here)
    for _ in range(n):
        path = here / generator.choice(files).relative_to(made)
        content = path.read_bytes()
        changed = bytearray(content)
        at = generator.randrange(len(changed))
        changed[at] ^= 1 << generator.randrange(8)
        path.write_bytes(bytes(changed))
        for words, was, now in zip(_READERS, expected, _read_all(here), strict=True):
            where = f"{' '.join(words)} with a bit of {path.relative_to(here)}, byte {at}"
            if is_fault(now):
                yield f"{where}: {now[1][-300:]}"
            elif now[0] == 0 and now != was and f"damaged: {path.parent.name}/" not in now[1]:
                yield f"{where}: another answer without an error"
            elif now[0] and "mine" not in now[1]:
                yield f"{where}: refused without naming the sweep: {now[1][-200:]}"
        path.write_bytes(content)


def _read_all(root: Path) -> list[tuple[int, str]]:
    """Return each reader's status and output, each from a fresh process without caches."""
    replies = []
    for words in _READERS:
        outcome = run_child(partial(lethe, root, *words), root)
        replies.append((outcome.status, outcome.output))
    return replies
