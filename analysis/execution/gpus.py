"""Bind worker processes to GPUs, one each while there are enough."""

import itertools
import os
import shutil
import subprocess

import filelock

from analysis.filesystem.private import private_folder

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[filelock.FileLock] = []


def visible_gpus() -> list[str]:
    """Return the CUDA devices this process may use, as in ``CUDA_VISIBLE_DEVICES``."""
    visible = os.environ.get(_VISIBLE)
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        result = subprocess.run(
            [tool, "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return result.stdout.split()


def bind_own_gpu() -> str | None:
    """Bind this process to the GPU with the fewest workers; return it, None without a GPU.

    Locks in the temporary folder count the workers. They end with the process, so that a
    replacement of a dead worker gets its GPU. Call it before CUDA is set up.
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
