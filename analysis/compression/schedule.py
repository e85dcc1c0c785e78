"""The cubic sparsity schedule of gradual pruning (Zhu and Gupta 2017)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CubicSchedule:
    """``s(t) = s_f (1 - (1 - p)^3)`` with p from 0 to 1 between step ``begin`` and step ``end``.

    Masks are made anew at ``begin``, every ``every`` steps after it, and at ``end``.
    """

    final: float
    begin: int
    end: int
    every: int

    def sparsity(self, step: int) -> float:
        """Sparsity asked at a step, 0..1; it never falls."""
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return self.final
        progress = (step - self.begin) / (self.end - self.begin)
        return self.final * (1 - (1 - progress) ** 3)

    def is_update(self, step: int) -> bool:
        """Whether the masks are made anew at this step."""
        if not self.begin <= step <= self.end:
            return False
        return step == self.end or (step - self.begin) % self.every == 0
