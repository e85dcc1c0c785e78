"""The demo sweep: wall time, and use and oversubscription of the cores."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from analysis.execution.local import usable_cores
from analysis.store import Cache

_SAMPLE_SECONDS = 0.25


def main() -> None:
    """Run the demo in an empty folder and print its time and core use."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "analysis", "demo", "--cache", folder], stdout=subprocess.DEVNULL
        )
        busy: list[int] = []
        while process.poll() is None:
            busy.append(_running_threads(process.pid))
            time.sleep(_SAMPLE_SECONDS)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        manifest = Cache(folder).sweep("demo").manifest()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    in_runs = sum(run.seconds or 0.0 for _, _, run in manifest.all_runs())
    cores = usable_cores()
    print(f"demo sweep: {wall:.1f} s for {manifest.n_done} of {manifest.n_runs} runs (target 75 s)")
    print(
        f"inside runs: {in_runs:.1f} s, {in_runs / wall / cores:.0%} of {cores} cores x wall time"
    )
    print(f"CPU time: {cpu:.1f} s, {cpu / wall:.2f} cores busy of {cores}")
    if any(busy):
        over = mean(count > cores for count in busy)
        print(f"running threads: mean {mean(busy):.2f}, above {cores} in {over:.0%} of samples")


def _running_threads(root: int) -> int:
    """Count threads in state R of a process and its descendants; 0 without /proc."""
    parents: dict[int, int] = {}
    states: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            tasks = stat.parent.glob("task/*/stat")
            states[pid] = sum(t.read_text().rpartition(")")[2].split()[0] == "R" for t in tasks)
        except (OSError, IndexError, ValueError):
            continue
    family = {root}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(states.get(pid, 0) for pid in family)


if __name__ == "__main__":
    main()
