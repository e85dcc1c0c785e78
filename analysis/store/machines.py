"""Which machines the runs of a sweep were made on: a list in the manifest, and a place in it."""

from collections import Counter

from analysis.store.manifest import Manifest, RunRecord
from analysis.store.records import MachineRecord


def place_of(manifest: Manifest, machine: MachineRecord | None) -> int | None:
    """Return the place of a machine in the manifest's list, at its end where it is new there."""
    if machine is None:
        return None
    if machine not in manifest.machines:
        manifest.machines = [*manifest.machines, machine]
    return manifest.machines.index(machine)


def machine_of(manifest: Manifest, run: RunRecord) -> MachineRecord | None:
    """Return the machine a run was made on; None where the manifest does not say."""
    place = run.machine
    if place is None or not 0 <= place < len(manifest.machines):
        return None
    return manifest.machines[place]


def runs_by_machine(manifest: Manifest) -> dict[MachineRecord, int]:
    """Count the runs that are done by the machine they were made on, those unknown left out.

    Two machines of one processor, instruction set, version of torch and device are one here.
    """
    found = (machine_of(manifest, run) for _, _, run in manifest.all_runs() if run.state == "done")
    return dict(Counter(one for one in found if one is not None).most_common())
