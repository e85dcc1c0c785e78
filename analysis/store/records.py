"""Parts of the manifest on the conditions of its runs: rotated tails, machines, looks."""

import msgspec


class TailRecord(msgspec.Struct):
    """A long tail that rotates over seeds: train images per class of seed 0, and available ones.

    Seed k trains on ``min(counts[(c - k) mod C], available[c])`` images of class c.
    """

    counts: list[int]
    available: list[int]


class MachineRecord(msgspec.Struct, frozen=True):
    """The machine of a run, on which its arithmetic depends.

    ``cpu`` is the processor's name, ``capability`` the instruction set that torch uses on it,
    ``torch`` its version, ``gpu`` the name of the device if not the CPU.
    """

    cpu: str
    capability: str | None = None
    torch: str | None = None
    gpu: str | None = None

    def __str__(self) -> str:
        capability = f"{self.capability} of " if self.capability else ""
        torch = f", torch {self.torch}" if self.torch else ""
        gpu = f"{self.gpu}, " if self.gpu else ""
        return f"{gpu}{capability}{self.cpu}{torch}"


class Look(msgspec.Struct):
    """One look at results: its planned number of seeds and its start."""

    seeds: int
    time: str
