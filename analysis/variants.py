"""The variants of a sweep: compression methods, levels and layers left in float."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.errors import UserError

DENSE_ID = "dense"
_METHOD = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# As typed, and in folder names, where some systems forbid colons.
FLOAT_LAYERS, _FLOAT = "~float:", "~float~"
_LAYER = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_LONGEST = 200


def format_level(level: float) -> str:
    """Write a level with two decimals, more where needed: 0.9 -> ``0.90``, 0.995 -> ``0.995``."""
    short = f"{level:.2f}"
    return short if float(short) == level else repr(level)


@dataclass(frozen=True)
class Step:
    """One compression method and its level, such as ``magnitude`` at 0.9.

    ``float_layers`` are the sorted module names of the layers that a method after training leaves
    in float.
    """

    method: str
    level: float | None = None
    float_layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise UserError(
                f"variant '{self.method}': expected a method's name of lower-case words joined by "
                "'-', such as magnitude or int8-static"
            )
        if self.level is not None and not 0 <= self.level <= 1:
            hint = f"; did you mean {self.level / 100:g}?" if 1 < self.level <= 100 else ""
            raise UserError(
                f"variant '{self.method}={self.level:g}': a level is a fraction from 0 to 1{hint}"
            )
        for layer in self.float_layers:
            if not _LAYER.fullmatch(layer):
                raise UserError(
                    f"variant '{self.method}{FLOAT_LAYERS}{layer:.80}': expected names of layers "
                    f"joined by ',', such as {self.method}{FLOAT_LAYERS}features.0,fc"
                )
        object.__setattr__(self, "float_layers", tuple(sorted({*self.float_layers})))
        if len(self.step_id) > _LONGEST:
            raise UserError(
                f"variant '{self.step_id:.80}…': its key has {len(self.step_id)} letters; expected "
                f"at most {_LONGEST}: leave fewer layers in float"
            )

    @property
    def step_id(self) -> str:
        """The readable key of this step, ``magnitude-0.90`` or ``int8-static~float~fc``."""
        level = "" if self.level is None else f"-{format_level(self.level)}"
        return f"{self.method}{level}{self.kept}"

    @property
    def kept(self) -> str:
        """The part of its key on float layers, ``~float~conv1,fc``, or ""."""
        return f"{_FLOAT}{','.join(self.float_layers)}" if self.float_layers else ""


@dataclass(frozen=True)
class Variant:
    """One compression setting: the steps applied in order; no step at all is the dense model."""

    steps: tuple[Step, ...] = ()

    @property
    def variant_id(self) -> str:
        """The readable key: ``dense``, ``magnitude-0.90``, ``magnitude-0.90+int8-static``."""
        return "+".join(step.step_id for step in self.steps) or DENSE_ID

    @property
    def method(self) -> str:
        """The methods without their levels, joined by ``+``; each set of float layers is one."""
        return "+".join(f"{step.method}{step.kept}" for step in self.steps) or DENSE_ID

    @property
    def float_layers(self) -> tuple[str, ...]:
        """The layers that stay in float."""
        return tuple(layer for step in self.steps for layer in step.float_layers)

    @property
    def is_dense(self) -> bool:
        """Whether this is the uncompressed model."""
        return not self.steps


DENSE = Variant()


def _parse_level(text: str, item: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if math.isnan(level):
        raise UserError(f"variant '{item}': '{text}' is not a number; expected METHOD=LEVEL,LEVEL")
    return level


def parse_variants(items: Iterable[str]) -> tuple[Variant, ...]:
    """Parse ``METHOD[=LEVEL,LEVEL]`` items; ``dense`` is always the first variant.

    ``A=0.9+B`` combines: A at 0.9, then B. ``B~float:LAYER,LAYER`` leaves layers in float; the form
    ``B~float~LAYER,LAYER`` of the key is accepted too. Repeated variants are dropped.

    Raises
    ------
    UserError
        An item does not have this form, or a level lies outside 0..1.
    """
    variants = [DENSE]
    for item in items:
        chains: list[tuple[Step, ...]] = [()]
        for part in item.strip().split("+"):
            method_and_level, tilde, layers = part.replace(FLOAT_LAYERS, _FLOAT).partition(_FLOAT)
            float_layers = tuple(name.strip() for name in layers.split(",")) if tilde else ()
            method, equals, levels = method_and_level.partition("=")
            if not method.strip():
                raise UserError(f"variant '{item}': a method's name is missing")
            steps = (
                [
                    Step(method.strip(), _parse_level(text, item), float_layers)
                    for text in levels.split(",")
                ]
                if equals
                else [Step(method.strip(), None, float_layers)]
            )
            chains = [(*chain, step) for chain in chains for step in steps]
        variants.extend(
            Variant(tuple(step for step in chain if step.method != DENSE_ID)) for chain in chains
        )
    return tuple(dict.fromkeys(variants))
