"""Faults: every verb killed, and told errors, at each of its file operations, and readers damaged.

A verb killed or failed must leave what was there before, or what it makes; the same command again
must finish. Prints how often something was lost, mixed, told as a traceback, or wrong without a
word: all must be 0.
"""

import argparse
import errno
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks._fault_verbs import VERBS, Seen, Verb, copied, leftovers
from benchmarks._mutants import Damaged, manifest_faults, other_faults
from benchmarks._steps import KILL, Fault, Outcome, run_child

ERRORS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EACCES)
_NEVER = 10**9


@dataclass
class Findings:
    """What was tried, and what went wrong, by kind."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def note(self, kind: str, what: str) -> None:
        """Note something wrong."""
        self.wrong.append((kind, what))

    def count(self, kind: str) -> int:
        """Count what went wrong in one way."""
        return sum(one == kind for one, _ in self.wrong)


KINDS = ("lost", "mixed", "traceback", "silent", "unnamed", "unfinished", "left over")


def try_verb(verb: Verb, findings: Findings, whats: Sequence[str | int], *, every: int = 1) -> None:
    """Give a verb each fault at every so-manieth step."""
    with tempfile.TemporaryDirectory() as place:
        before, after = Path(place) / "before", Path(place) / "after"
        before.mkdir()
        _in_child(verb, before, prepare=True)
        old = verb.seen(before)
        copied(before, after)
        _in_child(verb, after)
        new = verb.seen(after)
        for what in whats:
            step = 1
            while True:
                root = Path(place) / f"{what}-{step}"
                copied(before, root)
                outcome = run_child(partial(verb.act, root), root, Fault(step, what))
                is_over = outcome.status != -9 if what == KILL else not outcome.place
                if is_over:
                    break
                findings.tried[verb.name] += 1
                _judge(verb, root, outcome, what, step, old, new, findings)
                step += every


def _in_child(verb: Verb, root: Path, *, prepare: bool = False) -> None:
    def act() -> int:
        if prepare:
            verb.prepare(root)
            return 0
        return verb.act(root)

    outcome = run_child(act, root, Fault(_NEVER, KILL))
    if outcome.status:
        raise RuntimeError(f"{verb.name} does not run by itself: {outcome.said}")


def _judge(
    verb: Verb, root: Path, outcome: Outcome, what: str | int, step: int, old: Seen, new: Seen,
    findings: Findings,
) -> None:  # fmt: skip
    where = f"{verb.name}, {_named(what)} at step {step} ({outcome.place or '?'})"
    if "Traceback" in outcome.said or "fault of Lethe itself" in outcome.said:
        findings.note("traceback", f"{where}: {outcome.said[-600:]}")
    try:
        seen = verb.seen(root)
    except Exception as error:
        findings.note("mixed", f"{where}: what is left cannot be read: {error!r}")
        return
    if seen not in (old, new):
        findings.note("mixed", f"{where}: {_difference(seen, old, new)}")
    if what != KILL and outcome.status == 0 and seen != new:
        findings.note("silent", f"{where}: it ended well, and is not done")
    if what != KILL and outcome.status and not _names_a_file(outcome.said, root):
        findings.note("unnamed", f"{where}: {outcome.said[-300:]}")
    again = run_child(partial(verb.act, root), root, Fault(_NEVER, KILL))
    if again.status not in (verb.again if seen == new else (0,)):
        findings.note("unfinished", f"{where}: again: {again.status}: {again.said[-300:]}")
    elif verb.seen(root) != new:
        kind = "lost" if verb.seen(root).keys() < new.keys() else "unfinished"
        findings.note(kind, f"{where}: again: {_difference(verb.seen(root), old, new)}")
    elif left := leftovers(root):
        findings.note("left over", f"{where}: {', '.join(left)}")


def _named(what: str | int) -> str:
    return what if isinstance(what, str) else errno.errorcode[what]


def _names_a_file(said: str, root: Path) -> bool:
    return any(name in said for name in (str(root), "mine", "other", "both", "study-1", ".csv"))


def _difference(seen: Seen, old: Seen, new: Seen) -> str:
    ways = []
    for name, state in (("old", old), ("new", new)):
        keys = sorted(k for k in seen.keys() | state.keys() if seen.get(k) != state.get(k))
        ways.append(f"from the {name}: {', '.join(keys[:6])}")
    return "; ".join(ways)


def try_all(
    verbs: Sequence[Verb] = VERBS, *, every: int = 1, whats: Sequence[str | int] = (KILL, *ERRORS)
) -> Findings:
    """Give faults to all verbs."""
    findings = Findings()
    for verb in verbs:
        try_verb(verb, findings, whats, every=every)
    return findings


def try_readers(findings: Findings, n: int) -> None:
    """Give every reader damaged files."""
    generator = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        damaged = Damaged(Path(place))
        for name, faults in (("manifests", manifest_faults), ("other files", other_faults)):
            findings.tried[name] += n
            for wrong in faults(damaged, n, generator):
                findings.note("traceback", wrong)


def told(findings: Findings) -> Iterator[str]:
    """Say in lines what was found."""
    for name, n in findings.tried.items():
        yield f"{name}: {n} faults"
    yield ", ".join(f"{kind}: {findings.count(kind)}" for kind in KINDS)
    for kind, what in findings.wrong:
        yield f"{kind}: {what}"


def main() -> int:
    """Try everything, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--every", type=int, default=1, help="each so-manieth step alone")
    parser.add_argument("--verb", action="append", help="repeatable; these alone")
    parser.add_argument("--kills", action="store_true", help="kills alone, no errors")
    parser.add_argument("--mutants", type=int, default=100, help="damaged files of each kind")
    options = parser.parse_args()
    verbs = [verb for verb in VERBS if not options.verb or verb.name in options.verb]
    whats = (KILL,) if options.kills else (KILL, *ERRORS)
    findings = try_all(verbs, every=options.every, whats=whats)
    if options.mutants:
        try_readers(findings, options.mutants)
    for line in told(findings):
        print(line)
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
