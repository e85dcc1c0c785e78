"""The machines of a sweep's runs: a list in the manifest, and an index into it."""

from collections import Counter

from analysis.store.manifest import Manifest, RunRecord
from analysis.store.records import MachineRecord


def place_of(manifest: Manifest, machine: MachineRecord | None) -> int | None:
    """Return the index of a machine in the manifest's list; append a new machine."""
    if machine is None:
        return None
    if machine not in manifest.machines:
        manifest.machines = [*manifest.machines, machine]
    return manifest.machines.index(machine)


def machine_of(manifest: Manifest, run: RunRecord) -> MachineRecord | None:
    """Return the machine of a run; None if unknown."""
    index = run.machine
    if index is None or not 0 <= index < len(manifest.machines):
        return None
    return manifest.machines[index]


def runs_by_machine(manifest: Manifest) -> dict[MachineRecord, int]:
    """Count the finished runs by machine, without those of unknown machines.

    Machines with equal processor, instruction set, version of torch and device count as one.
    """
    found = (machine_of(manifest, run) for _, _, run in manifest.all_runs() if run.state == "done")
    return dict(Counter(one for one in found if one is not None).most_common())
