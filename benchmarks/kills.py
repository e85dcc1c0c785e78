"""A sweep killed with SIGKILL at random moments and resumed, against an uninterrupted one.

Prints the number of finished runs that were lost or repeated, of damaged or foreign files, and of
predictions whose bytes differ from the uninterrupted sweep: all must be 0.
"""

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.store import Cache, SweepFolder

_OPTIONS = shlex.split(
    "sweep --dataset digits --name faults --variants magnitude=0.5,0.9 --variants int8-static "
    "--seeds 6 --epochs 40 --device cpu"
)
_LONGEST_SECONDS = 20.0


def main() -> None:
    """Kill the sweep ``--kills`` times, then compare it with an uninterrupted one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--random-seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.random_seed)
    with tempfile.TemporaryDirectory() as quiet, tempfile.TemporaryDirectory() as killed:
        subprocess.run(_command(quiet), check=True, stdout=subprocess.DEVNULL)
        expected = _predictions(_folder(quiet))
        lost = repeated = torn = rounds = 0
        kills = 0
        while kills < options.kills:
            if _is_complete(killed):
                rounds += 1
                torn += len(_folder(killed).verify()) + _differing(killed, expected)
                Cache(killed).remove("faults")
            before = _stamps(_folder(killed))
            kills += _start_and_kill(killed, moments.uniform(0, _LONGEST_SECONDS))
            after = _stamps(_folder(killed))
            lost += len(before.keys() - after.keys())
            repeated += sum(after[path] != stamp for path, stamp in before.items() if path in after)
        subprocess.run(_command(killed), check=True, stdout=subprocess.DEVNULL)
        torn += len(_folder(killed).verify())
        differing = _differing(killed, expected)
    print(f"{kills} kills at random moments, {rounds + 1} sweeps of {len(expected)} runs completed")
    print(f"finished runs lost: {lost}, made again: {repeated}")
    print(f"torn, missing or foreign files: {torn}")
    print(f"predictions that differ from the uninterrupted sweep: {differing}")


def _command(cache: str) -> list[str]:
    return [sys.executable, "-m", "analysis", *_OPTIONS, "--cache", cache]


def _folder(cache: str) -> SweepFolder:
    return Cache(cache).sweep("faults")


def _is_complete(cache: str) -> bool:
    folder = _folder(cache)
    return folder.exists and folder.manifest().is_complete


def _start_and_kill(cache: str, seconds: float) -> bool:
    """Start the sweep and kill it with its workers after so long; False if it ended first."""
    process = subprocess.Popen(_command(cache), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.2)
        return True
    return False


def _stamps(folder: SweepFolder) -> dict[Path, int]:
    paths = Path(str(folder.path)).glob("predictions/*/seed-*.parquet")
    return {path: path.stat().st_mtime_ns for path in paths}


def _predictions(folder: SweepFolder) -> dict[str, bytes]:
    return {folder.relative(path): path.read_bytes() for path in _stamps(folder)}


def _differing(cache: str, expected: dict[str, bytes]) -> int:
    found = _predictions(_folder(cache))
    paths = found.keys() | expected.keys()
    return sum(found.get(path) != expected.get(path) for path in paths)


if __name__ == "__main__":
    main()
