"""Fault injection: every command killed or failed at each file operation, and damaged files read.

A killed or failed command must leave the state before it or after it; the same command again must
finish. Prints how often something was lost, mixed, shown as a traceback, or silently wrong: all
must be 0.
"""

import argparse
import errno
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks._fault_verbs import VERBS, Seen, Verb, copied, leftovers, lethe
from benchmarks._flips import flips
from benchmarks._mutants import Damaged, manifest_faults, other_faults
from benchmarks._steps import KILL, Fault, Outcome, run_child

ERRORS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EACCES)


@dataclass
class Findings:
    """Numbers of trials by subject, and what went wrong, with its kind."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def note(self, kind: str, what: str) -> None:
        """Record a failure of a kind."""
        self.wrong.append((kind, what))

    def count(self, kind: str) -> int:
        """Count the failures of a kind."""
        return sum(one == kind for one, _ in self.wrong)


KINDS = ("lost", "mixed", "traceback", "silent", "unnamed", "unfinished", "left over")


def try_verb(
    verb: Verb, findings: Findings, whats: Sequence[str | int | tuple[int, ...]], *, every: int = 1
) -> None:
    """Run a command with each fault at every n-th step; the errors of a tuple alternate."""
    with tempfile.TemporaryDirectory() as place:
        before, after = Path(place) / "before", Path(place) / "after"
        before.mkdir()
        _in_child(verb, before, prepare=True)
        old = verb.seen(before)
        copied(before, after)
        _in_child(verb, after)
        new = verb.seen(after)
        for one in whats:
            step = 1
            while True:
                what = one[step // every % len(one)] if isinstance(one, tuple) else one
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

    outcome = run_child(act, root)
    if outcome.status:
        raise RuntimeError(f"{verb.name} fails without a fault: {outcome.output}")


def _judge(
    verb: Verb, root: Path, outcome: Outcome, what: str | int, step: int, old: Seen, new: Seen,
    findings: Findings,
) -> None:  # fmt: skip
    where = f"{verb.name}, {_named(what)} at step {step} ({outcome.place or '?'})"
    if "Traceback" in outcome.output or "fault of Lethe itself" in outcome.output:
        findings.note("traceback", f"{where}: {outcome.output[-600:]}")
    try:
        seen = verb.seen(root)
    except Exception as error:
        findings.note("mixed", f"{where}: the cache cannot be read: {error!r}")
        return
    parts = (old.items() | new.items()) if verb.is_by_parts else ()
    if seen not in (old, new) and not (verb.is_by_parts and seen.items() <= {*parts}):
        findings.note("mixed", f"{where}: {_difference(seen, old, new)}")
    # Optional parts, such as features, may fail with a message alone.
    is_reported = verb.is_by_parts and what != KILL and os.strerror(int(what)) in outcome.output
    if what != KILL and outcome.status == 0 and seen != new and not is_reported:
        findings.note("silent", f"{where}: it exited with 0 and has not finished")
    if what != KILL and outcome.status and not _names_a_file(outcome.output, root):
        findings.note("unnamed", f"{where}: {outcome.output[-300:]}")
    again = run_child(partial(verb.act, root), root)
    if again.status not in (verb.again if seen == new else (0,)):
        findings.note("unfinished", f"{where}: again: {again.status}: {again.output[-300:]}")
    elif verb.seen(root) != new:
        kind = "lost" if verb.seen(root).keys() < new.keys() else "unfinished"
        findings.note(kind, f"{where}: again: {_difference(verb.seen(root), old, new)}")
    elif left := leftovers(root):
        findings.note("left over", f"{where}: {', '.join(left)}")


def _named(what: str | int) -> str:
    return what if isinstance(what, str) else errno.errorcode[what]


def _names_a_file(message: str, root: Path) -> bool:
    return any(name in message for name in (str(root), "mine", "other", "both", "study-1", ".csv"))


def _difference(seen: Seen, old: Seen, new: Seen) -> str:
    ways = []
    for name, state in (("old", old), ("new", new)):
        keys = sorted(k for k in seen.keys() | state.keys() if seen.get(k) != state.get(k))
        ways.append(f"from the {name}: {', '.join(keys[:6])}")
    return "; ".join(ways)


def try_readers(findings: Findings, n: int, n_manifests: int) -> None:
    """Run every reader on damaged files."""
    generator = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        damaged = Damaged(Path(place))
        every: tuple[tuple[str, Callable[..., Iterator[str]], int], ...] = (
            ("manifests", manifest_faults, n_manifests),
            ("files of each other kind", other_faults, n),
        )  # fmt: skip
        for name, faults, number in every:
            findings.tried[name] += number
            for wrong in faults(damaged, number, generator):
                findings.note("traceback", wrong)


def try_flips(findings: Findings, n: int) -> None:
    """Flip bits of a sweep's files, one after another."""
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "made"
        made.mkdir()
        Damaged(made)
        # Reading writes derived tables, which then are read and flipped too.
        run_child(partial(lethe, made, "show", "mine", "--results"), made)
        findings.tried["flipped bits"] += n
        for wrong in flips(made, Path(place), n, random.Random(1)):
            findings.note("silent", wrong)


def report_lines(findings: Findings) -> Iterator[str]:
    """Yield the lines of the report."""
    for name, n in findings.tried.items():
        yield f"{name}: {n:,} tried"
    yield ", ".join(f"{kind}: {findings.count(kind)}" for kind in KINDS)
    for kind, what in findings.wrong:
        yield f"{kind}: {what}"


def main() -> int:
    """Run the trials and print the findings."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--every", type=int, default=10, help="test every n-th step")
    parser.add_argument("--verb", action="append", help="test only this command; repeatable")
    parser.add_argument("--kills", action="store_true", help="kill only, inject no errors")
    parser.add_argument(
        "--in-turn", action="store_true", help="one error a step, alternating, instead of all four"
    )
    parser.add_argument("--mutants", type=int, default=100, help="damaged files of each kind")
    parser.add_argument("--manifests", type=int, default=600, help="damaged manifests")
    parser.add_argument("--flips", type=int, default=20, help="flipped bits")
    parser.add_argument(
        "--whole", action="store_true",
        help="every step, 12,000 manifests, 2,000 files of each other kind, 200 flipped bits",
    )  # fmt: skip
    options = parser.parse_args()
    if options.whole:
        options.every, options.mutants, options.manifests, options.flips = 1, 2_000, 12_000, 200
    errors: tuple[int | tuple[int, ...], ...] = (ERRORS,) if options.in_turn else ERRORS
    whats = (KILL,) if options.kills else (KILL, *errors)
    everything = Findings()
    for verb in (*VERBS, *sweeps()):
        if options.verb and verb.name not in options.verb:
            continue
        before = len(everything.wrong)
        try_verb(verb, everything, whats, every=options.every)
        wrong = len(everything.wrong) - before
        print(f"{verb.name}: {everything.tried[verb.name]:,} faults, {wrong} wrong", flush=True)
    if options.mutants:
        try_readers(everything, options.mutants, options.manifests)
    if options.flips:
        try_flips(everything, options.flips)
    for line in report_lines(everything):
        print(line, flush=True)
    return 1 if everything.wrong else 0


def sweeps() -> tuple[Verb, ...]:
    """Return the sweep commands, with slow imports done before their child processes fork."""
    import analysis.report.build
    import analysis.sweep.worker  # noqa: F401
    from benchmarks._fault_sweeps import SWEEPS

    return SWEEPS


if __name__ == "__main__":
    sys.exit(main())
