"""What this machine computes with, as far as the bytes of a run depend on it."""

import platform
from functools import cache
from pathlib import Path

import torch

from analysis.store.records import MachineRecord

_CPUINFO = Path("/proc/cpuinfo")


@cache
def this_machine(device: str) -> MachineRecord:
    """Describe the processor of this process, torch, and the device where it is not the CPU.

    Parameters
    ----------
    device : {"cpu", "cuda", "mps"}
        What runs are made on.
    """
    gpu = None
    if device != "cpu":
        has_name = device == "cuda" and torch.cuda.is_available()
        gpu = torch.cuda.get_device_name() if has_name else device
    return MachineRecord(
        cpu_name(), torch.backends.cpu.get_cpu_capability(), str(torch.__version__), gpu
    )


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """Name the processor; with its family and model, since virtual machines hide its name.

    Parameters
    ----------
    cpuinfo : Path
        Where Linux says it; elsewhere it is what Python knows.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    said: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        said.setdefault(key.strip(), value.strip())
    name = said.get("model name") or platform.processor() or platform.machine() or "unknown"
    if "cpu family" in said and "model" in said:
        name += f" (family {said['cpu family']}, model {said['model']})"
    return name
