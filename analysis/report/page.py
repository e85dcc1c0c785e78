"""The page of a report: one self-contained HTML file, with all text from the data escaped.

It begins with a first page: a verdict, three sentences, four numbers and twelve images.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis import __version__, schema
from analysis.budgets import HEADER as BUDGET_HEADER
from analysis.budgets import Verdict, cells, check, is_held
from analysis.config import DENSE_ID
from analysis.p_values import short_p
from analysis.presentation.evaluated import looks_sentence, machine_notes, machine_sentences
from analysis.presentation.findings import findings, focus_of, headline
from analysis.presentation.formatting import count, is_missing, percent, points
from analysis.presentation.pair_findings import pairing
from analysis.presentation.tables import PAIR_HELP, VARIANT_HELP, pair_table, variant_table
from analysis.presentation.why_findings import why_and_what_now
from analysis.report.contents import Contents
from analysis.report.discreet import discreet
from analysis.report.gallery import Tile, galleries, most_forgotten, tiles_of
from analysis.report.pictures import Pictures
from analysis.report.scope import Scope
from analysis.report.tables import MOST_ROWS, TableFile, class_rows
from analysis.store.manifest import Manifest
from analysis.sweep.command import shift_words, sweep_command

_LIMITS, _IMAGES = 6, 12
PASSES, FAILS, UNDECIDED, NO_BUDGET = "passes", "fails", "cannot tell", "no budget"
_HEADINGS = {
    PASSES: "Within the budget",
    FAILS: "Over the budget",
    UNDECIDED: "Cannot tell: some limits could not be tested",
    NO_BUDGET: "No budget was given",
}


@dataclass(frozen=True)
class FirstPage:
    """The summary for a decision, on the focus ``variant``.

    ``limits`` are table cells of the budget's limits, breaches first; ``n_more`` counts the limits
    not shown. ``numbers`` are tuples of title, value and note.
    """

    state: str
    heading: str
    about: str
    variant: str
    limits: list[tuple[str, ...]]
    n_more: int
    sentences: list[str]
    numbers: list[tuple[str, str, str]]
    tiles: list[Tile]
    n_forgotten: int


def first_page(scope: Scope, contents: Contents) -> FirstPage:
    """Check the reported variants against the budget, and summarize the focus variant.

    Parameters
    ----------
    scope : Scope
        Results and reported variants.
    contents : Contents
        With the budget, if there is one.

    Raises
    ------
    UserError
        The budget names a class, attribute or variant that does not exist.
    """
    summary = scope.summary
    focus = focus_of(summary)
    variant_id = str(focus[schema.VARIANT_ID])
    classes = scope.classes[scope.classes[schema.VARIANT_ID] == variant_id]
    verdicts = (
        check(scope.results, contents.budget, list(scope.variant_ids)) if contents.budget else None
    )
    state = NO_BUDGET if verdicts is None else _state(verdicts, contents)
    rows = [cells(one, contents.budget) for one in verdicts or [] if contents.budget]
    return FirstPage(
        state=state,
        heading=_HEADINGS[state],
        about=_about(verdicts, scope),
        variant=variant_id,
        limits=rows[:_LIMITS],
        n_more=max(0, len(rows) - _LIMITS),
        sentences=headline(
            summary, scope.classes, scope.results.pairs(), look=scope.manifest.n_looks
        ),
        numbers=_numbers(summary[summary[schema.VARIANT_ID] == DENSE_ID].iloc[0], focus, classes),
        tiles=most_forgotten(scope, variant_id, _IMAGES),
        n_forgotten=int(focus["n_forgotten"]),
    )


def _state(verdicts: list[Verdict], contents: Contents) -> str:
    if any(one.verdict == "breach" for one in verdicts):
        return FAILS
    held = contents.budget is not None and is_held(verdicts, contents.budget)
    return PASSES if held else UNDECIDED


def _about(verdicts: list[Verdict] | None, scope: Scope) -> str:
    if verdicts is None:
        return (
            "A verdict needs limits: lethe report SWEEP --budget FILE.toml --out DIR checks the "
            "sweep against them."
        )
    variants = {one.variant_id for one in verdicts}
    n = {word: sum(one.verdict == word for one in verdicts) for word in ("breach", "untested")}
    return (
        f"{len(verdicts)} limits of {len(variants)} of {len(scope.variant_ids)} variants: "
        f"{n['breach']} breached, {n['untested']} not testable."
    )


def _numbers(
    dense: pd.Series, focus: pd.Series, classes: pd.DataFrame
) -> list[tuple[str, str, str]]:
    before, after = float(dense["top1_mean"]), float(focus["top1_mean"])
    excess, low, high = (focus[f"pie_excess{end}"] for end in ("", "_low", "_high"))
    interval = (
        "no interval: too few runs"
        if is_missing(low)
        else f"95 % {points(low)} to {points(high)}, other seeds and images"
    )
    bound = classes["loss_upper"].max()
    return [
        ("Top-1, points", points(after - before), f"{percent(before)} to {percent(after)}"),
        (
            "Forgotten, recovered",
            f"{count(focus['n_forgotten'])}, {count(focus['n_recovered'])}",
            f"of {count(classes['n_images'].sum())} images; {count(focus['n_changed'])} changed",
        ),
        ("PIEs beyond seeds, points", points(excess), interval),
        (
            "No class loses more than",
            "–" if is_missing(bound) else f"{points(bound).lstrip('+')} points",
            "one-sided 95 % bounds of recall, other images"
            + ("" if int(focus["n_runs"]) == 1 else " and seeds"),
        ),
    ]


def facts(scope: Scope) -> dict[str, str]:
    """Describe the data, models and making of a sweep, each in a few words."""
    manifest = scope.manifest
    dataset, model, device = manifest.dataset, manifest.model, manifest.device
    size = " x ".join(str(side) for side in model.image_size or ())
    values = {
        "Dataset": dataset.spec,
        "Test images": count(len(scope.results.label)),
        "Train images": count(dataset.n_train) if dataset.n_train else None,
        "Classes": count(len(manifest.class_names)),
        "Dataset fingerprint": manifest.dataset_fingerprint,
        "Model": model.name,
        "Parameters": count(model.parameters) if model.parameters else None,
        "Prunable weights": count(model.prunable) if model.prunable else None,
        "Model input": size,
        "First weights": model.weights,
        "Runs": f"{manifest.n_done} of {manifest.n_runs}: {len(manifest.variants)} variants x "
        f"{len(manifest.seeds)} seeds",
        "Shifts": ", ".join(shift.name for shift in manifest.shifts),
        "Pairing": pairing(manifest),
        "Device": ", ".join(
            f"{key} {value}"
            for key, value in msgspec.structs.asdict(device).items()
            if value is not None
        ),
        "Looks": looks_sentence(manifest),
        "Machines": "; ".join(machine_sentences(manifest)),
        "Sweep begun": manifest.created,
        "Cache changed": manifest.updated,
        "Git commit of the sweep": manifest.git_commit,
        "Tie rule": scope.results.ties,
    }
    return {name: str(value) for name, value in values.items() if value}


def options(manifest: Manifest) -> dict[str, str]:
    """Return the options that results depend on, by name, if they have a value."""
    stored = dict(manifest.config.options)
    training = stored.pop("training", {})
    return {
        key.replace("_", "-"): str(value)
        for key, value in (stored | training).items()
        if value is not None
    }


def versions(manifest: Manifest) -> dict[str, str]:
    """Return the versions of libraries that made the sweep, and of Lethe for the report."""
    return manifest.versions | {"lethe (this report)": __version__}


def commands(scope: Scope) -> list[str]:
    """Return shell commands that reproduce the sweep, the report and its tables."""
    manifest, name = scope.manifest, scope.manifest.name
    ties = [] if scope.results.ties == "confidence" else ["--ties", scope.results.ties]
    chosen = [] if scope.is_whole else [w for v in scope.variant_ids for w in ("--variant", v)]
    is_known = bool(manifest.config.options)
    sweep = [sweep_command(manifest, *shift_words(manifest))] if is_known else []
    return [
        *sweep,
        shlex.join(["python", "-m", "analysis", "report", name, "--out", "report", *chosen, *ties]),
        shlex.join(["python", "-m", "analysis", "show", name, "--results"]),
        shlex.join(["python", "-m", "analysis", "export", name, "images", *ties, "--out",
                    "images.csv"]),
        shlex.join(["python", "-m", "analysis", "verify", name]),
    ]  # fmt: skip


_TEMPLATES = Path(__file__).parent / "templates"
_LEFT_OUT = 100
_OF_VIEW = 240


def render(
    scope: Scope,
    pictures: Pictures,
    tables: list[TableFile],
    *,
    title: str,
    contents: Contents,
) -> str:
    """Render the page.

    Parameters
    ----------
    scope : Scope
        Results and reported variants.
    pictures : Pictures
        Its figures, drawn.
    tables : list of TableFile
        Its tables, written.
    title : str
        Heading of the page, plain text.
    contents : Contents
        Its sections, budget and view, and whether to include people, times and paths.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "count": count}
    template = environment.get_template("report.html.j2")
    return template.render(
        title=title,
        css=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        pictures=pictures,
        tables=tables,
        most_rows=MOST_ROWS,
        sections=contents.sections,
        view=contents.view,
        **_results(scope, contents),
        **(_provenance(scope) if contents.has_details else discreet(_provenance(scope))),
        **_cache(scope, has_details=contents.has_details),
    )


def _results(scope: Scope, contents: Contents) -> dict[str, Any]:
    """Variables of the template: findings, tables and images."""
    summary, manifest = scope.summary, scope.manifest
    overall = variant_table(summary, manifest)
    dense = summary[summary["variant_id"] == DENSE_ID].iloc[0]
    of_pairs = pair_table(scope.table("pairs"))
    first = first_page(scope, contents)
    shown = contents.view.image_ids[:_OF_VIEW] if contents.view else ()
    return {
        "first": first,
        "limit_header": BUDGET_HEADER,
        "view_tiles": tiles_of(scope, scope.variant_ids[0], shown) if shown else [],
        "findings": findings(summary, scope.classes, scope.results.pairs(), look=manifest.n_looks),
        "why": why_and_what_now(scope.results, first.variant)
        if "remedies" in contents.sections
        else [],
        "header": [(name, VARIANT_HELP.get(name, "")) for name in overall.columns],
        "overall": overall.to_dict("split")["data"],
        "pair_header": [(name, PAIR_HELP.get(name, "")) for name in of_pairs.columns],
        "pair_rows": of_pairs.to_dict("split")["data"],
        "noise_floor": dense["noise_floor_share"],
        "seed_tests": _seed_tests(scope),
        "paired": summary.loc[summary["paired"].eq(True), "variant_id"].tolist(),
        "variants": _each(scope, first.variant) if "each" in contents.sections else [],
    }


def _each(scope: Scope, focus: str) -> list[dict[str, Any]]:
    """Gallery and classes of each variant; only the focus variant is printed on paper."""
    return [
        {
            "id": variant_id,
            "is_printed": len(scope.variant_ids) == 1 or variant_id == focus,
            "gallery": gallery,
            "classes": class_rows(scope.results.classes(variant_id)),
        }
        for variant_id, gallery in galleries(scope).items()
    ]


def _seed_tests(scope: Scope) -> list[dict[str, str]]:
    """Rows of the permutation tests beside the excess, formatted for reading."""
    excess = scope.summary.set_index("variant_id")
    rows = []
    for row in scope.seed_tests.to_dict("records"):
        summary = excess.loc[row["variant_id"]]
        low, high = summary["pie_excess_low"], summary["pie_excess_high"]
        rows.append(
            {
                "variant": str(row["variant_id"]),
                "half": percent(summary["pie_share_half"]),
                "excess": points(summary["pie_excess"]),
                "interval": "–" if is_missing(low) else f"{points(low)} to {points(high)}",
                "share": percent(row["pie_share"]),
                "exchanged": percent(row["exchanged_pie_share"]),
                "p": "–" if is_missing(row["p"]) else short_p(row["p"]),
                "holm": "–" if is_missing(row["p_holm"]) else short_p(row["p_holm"]),
            }
        )
    return rows


def _cache(scope: Scope, *, has_details: bool) -> dict[str, Any]:
    """Name the cache in commands by its path, or without details by a sentence."""
    root = f"{scope.results.folder.path.parent}"
    is_usual = root == "cache"
    named = f" --cache {shlex.quote(root)}" if has_details and not is_usual else ""
    return {"cache": named, "asks_for_cache": not is_usual and not has_details}


def _provenance(scope: Scope) -> dict[str, Any]:
    """Variables of the template: provenance of the sweep."""
    manifest = scope.manifest
    n_runs = max((len(manifest.done_seeds(v)) for v in scope.results.variant_ids), default=0)
    failed = [
        {"run": f"{variant_id}, seed {seed}", "error": run.error or "no reason given"}
        for variant_id, seed, run in manifest.all_runs()
        if run.state == "failed"
    ]
    return {
        "manifest": manifest,
        "facts": facts(scope),
        "options": options(manifest),
        "versions": versions(manifest),
        "commands": commands(scope),
        "notes": [*manifest.dataset.notes, *machine_notes(manifest)],
        "left_out": manifest.left_out[:_LEFT_OUT],
        "n_left_out": len(manifest.left_out),
        "failed": failed,
        "n_runs": n_runs,
        "is_single": n_runs == 1,
        "ties": scope.results.ties,
        "n_tied": scope.summary[["variant_id", "n_tied"]].dropna().to_dict("records"),
        "is_complete": manifest.is_complete,
    }
