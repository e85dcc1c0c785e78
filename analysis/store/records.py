"""Parts of the manifest that say under what conditions runs were made: data, machines, looks."""

import msgspec


class TailRecord(msgspec.Struct):
    """A long tail that rotates over seeds: train images a class of seed 0, and to draw from.

    Seed k trains on ``min(counts[(c - k) mod C], available[c])`` images of class c.
    """

    counts: list[int]
    available: list[int]


class MachineRecord(msgspec.Struct, frozen=True):
    """What the arithmetic of a run depends on besides its seed.

    ``cpu`` is the processor's name, ``capability`` the instruction set that torch takes on it,
    ``torch`` its version, ``gpu`` the name of the device where it was not the CPU.
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
    """One look at results: the number of seeds that it was planned to have, and when it began."""

    seeds: int
    time: str
