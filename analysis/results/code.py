"""Sweeps in notebooks: how one is displayed, and the Python code that gives its tables."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import schema
from analysis.store.manifest import Manifest

if TYPE_CHECKING:
    from analysis.results.sweep_results import SweepResults


def table_code(results: "SweepResults", method: str, *arguments: Any, **named: Any) -> str:
    """Write the lines that open the same sweep and compute one of its tables.

    Every value is written as a Python literal, so that no name from the data can be anything else.
    A password in the cache's URL is left out.
    """
    parameters = [
        *(literal(one) for one in arguments),
        *(f"{name}={literal(value)}" for name, value in named.items()),
    ]
    cache = str(results.folder.path.parent.absolute())
    return (
        "from analysis import load_sweep\n\n"
        f"sweep = load_sweep({literal(results.manifest.name)}, cache={literal(cache)}, "
        f"ties={literal(results.ties)})\n"
        f"table = sweep.{method}({', '.join(parameters)})"
    )


def where(column: str, value: Any) -> str:
    """Write the line that keeps the rows with a value in a column."""
    return f"\ntable = table[table[{literal(column)}] == {literal(value)}]"


def where_in(column: str, values: Iterable[Any]) -> str:
    """Write the line that keeps the rows with one of some values in a column."""
    return f"\ntable = table[table[{literal(column)}].isin({literal(list(values))})]"


def where_contains(column: str, text: str) -> str:
    """Write the lines that keep the rows whose text contains another, ignoring case."""
    return (
        f"\nnames = table[{literal(column)}].astype(str)"
        f"\ntable = table[names.str.contains({literal(text)}, case=False, regex=False)]"
    )


def literal(value: Any) -> str:
    """Write a value as a Python literal, with escapes for characters that cannot be seen."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, np.generic):
        value = value.item()
    return ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)


def as_text(manifest: Manifest, ties: str) -> str:
    """Describe a sweep in one line: name, dataset, model, variants, seeds and runs done."""
    return (
        f"<SweepResults {manifest.name!r}: {_contents(manifest)}; "
        f"{len(manifest.variants)} variants x {len(manifest.seeds)} seeds, "
        f"{manifest.n_done} of {manifest.n_runs} runs done, "
        f"ties={ties}>"
    )


def as_html(manifest: Manifest, ties: str) -> str:
    """Draw a small table of the variants as HTML, with every text escaped."""
    rows = "".join(_row(manifest, variant.variant_id) for variant in manifest.variants)
    head = "".join(
        f"<th>{title}</th>"
        for title in (schema.VARIANT_ID, schema.TARGET_SPARSITY, "paired", "runs done")
    )
    return (
        f"<div><strong>{escape(manifest.name)}</strong>: {escape(_contents(manifest))}<br>"
        f"{manifest.n_done} of {manifest.n_runs} runs done, ties broken by {escape(ties)}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "<code>.summary() .classes() .pies() .images() .curves() .runs() .attributes() "
        ".subgroups() .overlap() .stability()</code></div>"
    )


def _contents(manifest: Manifest) -> str:
    dataset = manifest.dataset.spec or "unknown data"
    model = manifest.model.name or "unknown model"
    return f"{dataset}, {model}, {len(manifest.class_names)} classes"


def _row(manifest: Manifest, variant_id: str) -> str:
    record = manifest.variant(variant_id)
    level = "–" if record.target_sparsity is None else f"{record.target_sparsity:g}"
    done = f"{len(manifest.done_seeds(variant_id))} of {len(manifest.seeds)}"
    cells = (variant_id, level, "yes" if record.paired else "no", done)
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"
