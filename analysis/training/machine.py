"""Describe this machine as far as the bytes of a run depend on it."""

import platform
from functools import cache
from pathlib import Path

import torch

from analysis.store.records import MachineRecord

_CPUINFO = Path("/proc/cpuinfo")


@cache
def this_machine(device: str) -> MachineRecord:
    """Describe processor, torch, and the device if it is not the CPU.

    Parameters
    ----------
    device : {"cpu", "cuda", "mps"}
        The device of the runs.
    """
    gpu = None
    if device != "cpu":
        has_name = device == "cuda" and torch.cuda.is_available()
        gpu = torch.cuda.get_device_name() if has_name else device
    return MachineRecord(
        cpu_name(), torch.backends.cpu.get_cpu_capability(), str(torch.__version__), gpu
    )


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """Return the processor's name with family and model, since virtual machines hide the name.

    Parameters
    ----------
    cpuinfo : Path
        Linux's description; on other systems Python's is used.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    entries: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    name = entries.get("model name") or platform.processor() or platform.machine() or "unknown"
    if "cpu family" in entries and "model" in entries:
        name += f" (family {entries['cpu family']}, model {entries['model']})"
    return name
