"""What is said of the command that this server started last, by what kind of command it is."""

from collections.abc import Sequence
from typing import Literal

from dashboard.sweeps.child import State

Kind = Literal["import", "models", "train"]


def kind(words: Sequence[str]) -> Kind:
    """Tell whether the words import predictions, run given models, or train."""
    if words[:1] in (["import"], ("import",)):
        return "import"
    return "models" if "--models" in words else "train"


def under_way(child: State) -> str:
    """Say what the child is about, before its sweep can be seen."""
    doing = "stopping" if child.is_stopping else "starting"
    if kind(child.words) == "import" and not child.is_stopping:
        return f"Predictions are being imported into sweep {child.name}"
    return f"Sweep {child.name} is {doing}"


def failed(child: State) -> str:
    """Say that the child failed, and why."""
    if kind(child.words) == "import":
        return f"Nothing was imported into sweep {child.name}. {child.failure}"
    return f"Sweep {child.name} stopped before its end. {child.failure}"
