"""Binding a worker process to a GPU of its own, so long as there are as many."""

import itertools
import os
import shutil
import subprocess

import filelock

from analysis.filesystem.private import private_folder

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[filelock.FileLock] = []


def visible_gpus() -> list[str]:
    """Name the CUDA devices this process may use, as ``CUDA_VISIBLE_DEVICES`` does."""
    given = os.environ.get(_VISIBLE)
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run(
            [tool, "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def bind_own_gpu() -> str | None:
    """Leave this process one GPU: the one with the fewest workers so far. None without a GPU.

    Locks in the machine's temporary folder tell the workers apart. They end with the process, so a
    worker that takes a dead one's place takes its GPU too. Call it before CUDA is set up.
    """
    gpus = visible_gpus()
    if not gpus:
        return None
    folder = private_folder("gpus")
    for share, gpu in ((share, gpu) for share in itertools.count() for gpu in gpus):
        lock = filelock.FileLock(folder / f"{gpu}-{share}.lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            continue
        _held.append(lock)
        os.environ[_VISIBLE] = gpu
        return gpu
    return None
