"""How an opened sweep looks in a notebook: what it is and how complete, from the manifest alone."""

from html import escape

from analysis import schema
from analysis.store.manifest import Manifest


def as_text(manifest: Manifest, ties: str) -> str:
    """One line: name, what of what, how complete."""
    return (
        f"<SweepResults {manifest.name!r}: {_what(manifest)}; {len(manifest.variants)} variants x "
        f"{len(manifest.seeds)} seeds, {manifest.n_done} of {manifest.n_runs} runs done, "
        f"ties={ties}>"
    )


def as_html(manifest: Manifest, ties: str) -> str:
    """A small table of the variants, every text escaped; nothing but the manifest is read."""
    rows = "".join(_row(manifest, variant.variant_id) for variant in manifest.variants)
    head = "".join(
        f"<th>{title}</th>"
        for title in (schema.VARIANT_ID, schema.TARGET_SPARSITY, "paired", "runs done")
    )
    return (
        f"<div><strong>{escape(manifest.name)}</strong>: {escape(_what(manifest))}<br>"
        f"{manifest.n_done} of {manifest.n_runs} runs done, ties broken by {escape(ties)}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "<code>.summary() .classes() .pies() .images() .curves() .runs() .attributes() "
        ".subgroups() .overlap() .stability()</code></div>"
    )


def _what(manifest: Manifest) -> str:
    dataset = manifest.dataset.spec or "unknown data"
    model = manifest.model.name or "unknown model"
    return f"{dataset}, {model}, {len(manifest.class_names)} classes"


def _row(manifest: Manifest, variant_id: str) -> str:
    record = manifest.variant(variant_id)
    level = "–" if record.target_sparsity is None else f"{record.target_sparsity:g}"
    done = f"{len(manifest.done_seeds(variant_id))} of {len(manifest.seeds)}"
    cells = (variant_id, level, "yes" if record.paired else "no", done)
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"
