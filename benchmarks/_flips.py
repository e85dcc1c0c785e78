"""One bit flipped somewhere in a sweep: every reader refuses, or says what it said before."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks._fault_verbs import copied, lethe
from benchmarks._mutants import is_fault
from benchmarks._steps import KILL, Fault, run_child

_NEVER = 10**9
_READERS = (
    ("export", "mine", "images"), ("export", "mine", "runs"), ("export", "mine", "classes"),
    ("export", "mine", "annotations"), ("show", "mine", "--results"),
)  # fmt: skip


def flips(made: Path, place: Path, n: int, generator: random.Random) -> Iterator[str]:
    """Flip a bit, n times, each in a copy; yield what was read differently without a word.

    Parameters
    ----------
    made : Path
        A folder whose ``cache`` holds the sweep ``mine`` and what was derived from it.
    place : Path
        Where copies may lie.
    """
    files = sorted(path for path in (made / "cache").rglob("*") if path.is_file())
    files = [path for path in files if path.stat().st_size and ".lock" not in path.name]
    # A reader says what it says of one place: there it is asked first.
    here = place / "here"
    copied(made, here)
    expected = _said(here)
    for _ in range(n):
        path = here / generator.choice(files).relative_to(made)
        content = path.read_bytes()
        changed = bytearray(content)
        at = generator.randrange(len(changed))
        changed[at] ^= 1 << generator.randrange(8)
        path.write_bytes(bytes(changed))
        for words, was, now in zip(_READERS, expected, _said(here), strict=True):
            where = f"{' '.join(words)} with a bit of {path.relative_to(here)}, byte {at}"
            if is_fault(now):
                yield f"{where}: {now[1][-300:]}"
            elif now[0] == 0 and now != was and f"damaged: {path.parent.name}/" not in now[1]:
                yield f"{where}: another answer without a word"
            elif now[0] and "mine" not in now[1]:
                yield f"{where}: refused without a name: {now[1][-200:]}"
        path.write_bytes(content)


def _said(root: Path) -> list[tuple[int, str]]:
    """What each reader says, each in a process of its own, which has read nothing before."""
    found = []
    for words in _READERS:
        done = run_child(partial(lethe, root, *words), root, Fault(_NEVER, KILL))
        found.append((done.status, done.said))
    return found
