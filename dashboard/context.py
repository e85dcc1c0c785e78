"""What every page starts from: the sweep that is open, the selection, and what was not usable."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.errors import LetheError
from analysis.results import SweepResults
from analysis.schema import META_PREFIX
from analysis.stats.votes import TIE_RULES, TieRule
from analysis.store.manifest import Manifest
from dashboard import data, feature_data, state
from dashboard.gallery import slices
from dashboard.gallery.levels import Methods, methods
from dashboard.selection import Known, Selection, parse


class NothingYetError(LetheError):
    """There is nothing to show so far, and that is no fault."""


class EmptyCacheError(NothingYetError):
    """There is no sweep at all."""


@dataclass(frozen=True)
class Context:
    """An open sweep and what is looked at in it.

    ``default_variant`` is what an address need not name: None while the sweep is unfinished and its
    most compressed variant may be another one soon.
    """

    results: SweepResults
    selection: Selection
    default_variant: str | None
    notes: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        """The sweep's manifest."""
        return self.results.manifest

    @property
    def summary(self) -> pd.DataFrame:
        """The summary; what holds for other seeds is null in it until it is computed."""
        return self.results.summary(wait=False)

    @property
    def n_images(self) -> int:
        """Number of test images, N."""
        return len(self.results.label)

    @cached_property
    def methods(self) -> Methods:
        """The variants that can be looked at, by method and sparsity."""
        return methods_of(self.results)

    @cached_property
    def variant(self) -> str:
        """The chosen variant; there must be one."""
        if self.selection.variant is None:
            raise NothingYetError(
                "No compressed variant has a finished run yet. The pages fill as runs finish."
                if not self.manifest.is_complete
                else "This sweep has no compressed variant beside its dense one, so there is "
                "nothing to compare with it."
            )
        return self.selection.variant


def current() -> Context:
    """Open the sweep that the address names and read the rest of the address against it.

    Raises
    ------
    EmptyCacheError
        The cache holds no sweep.
    LetheError
        The sweep cannot be read.
    """
    states = data.sweep_states()
    params = state.params()
    name, notes = choose_sweep(params.get("sweep", []), states)
    opened = data.results(name, tie_rule(params.get("ties", [])))
    variant = opened.default_variant()
    known = Known(
        variants=opened.compressed_ids,
        methods=methods_of(opened),
        default_variant=variant,
        class_names=opened.class_names,
        n_images=len(opened.label),
        meta={column: list(values.categories) for column, values in data.categories(opened).items()}
        if "meta" in params
        else {},
        tags=list(data.marks(opened.folder).tags) if {"tag", "not_tag"} & params.keys() else (),
        numbers=frozenset(data.numbers(opened)) if _asks_for_numbers(params) else frozenset(),
        slices=slices.names(opened, params.get("slice", ())),
        has_selected=lambda text: feature_data.selected_ids(opened, text) is not None,
    )
    selection, more = parse(params, known, sweep=name)
    settled = variant if opened.manifest.is_complete else None
    return Context(opened, selection, settled, (*notes, *more))


def _asks_for_numbers(params: dict[str, list[str]]) -> bool:
    """Whether an address sorts by metadata, or has a range of some."""
    keys = [*params.get("sort", ()), *params.get("range", ())]
    return any(one.startswith(META_PREFIX) for one in keys)


def methods_of(opened: SweepResults) -> Methods:
    """Return the compressed variants of a sweep by method and sparsity."""
    records = [opened.manifest.variant(one) for one in opened.compressed_ids]
    return methods((one.variant_id, one.method, one.target_sparsity) for one in records)


def tie_rule(values: list[str]) -> TieRule:
    """Return the tie rule that the address names, else the default."""
    return next((rule for rule in TIE_RULES if [rule] == values[-1:]), TIE_RULES[0])


def default_sweep(states: list[data.SweepState]) -> str | None:
    """Name the first complete sweep; without one the furthest, without any readable the first."""
    for one in states:
        if one.is_complete:
            return one.name
    readable = [one for one in states if one.problem is None]
    if readable:
        return max(readable, key=lambda one: one.n_done).name
    return states[0].name if states else None


def choose_sweep(values: list[str], states: list[data.SweepState]) -> tuple[str, list[str]]:
    """Return the sweep to open, and a note where the one that the address names is missing."""
    default = default_sweep(states)
    if default is None:
        raise EmptyCacheError(f"The cache {data.cache_root()} holds no sweep yet.")
    if not values or values[-1] in {one.name for one in states}:
        name, notes = (values[-1] if values else default), []
    else:
        name, notes = default, [f"sweep={values[-1][:80]} is not in the cache: showing {default}."]
    problem = next(one.problem for one in states if one.name == name)
    if problem is not None:
        raise LetheError(problem)
    return name, notes
