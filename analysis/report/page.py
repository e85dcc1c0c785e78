"""The page of a report: one HTML file that holds all it shows, every text of the data escaped."""

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
from analysis.config import DENSE_ID
from analysis.figures.class_impact import usual_rule
from analysis.p_values import short_p
from analysis.presentation.evaluated import looks_sentence, machine_notes, machine_sentences
from analysis.presentation.findings import findings
from analysis.presentation.formatting import NOTHING, count, is_missing, percent, points
from analysis.presentation.pair_findings import pairing
from analysis.presentation.tables import PAIR_HELP, VARIANT_HELP, pair_table, variant_table
from analysis.report.asked import Asked
from analysis.report.discreet import discreet
from analysis.report.gallery import galleries, tiles_of
from analysis.report.pictures import Pictures
from analysis.report.scope import Scope
from analysis.report.tables import MOST_ROWS, TableFile
from analysis.report.verdict import first_page
from analysis.report.why import why_and_what_now
from analysis.stats.classes import ALPHA
from analysis.store.manifest import Manifest
from analysis.sweep.command import shift_words, sweep_command

MANY = 60
_EACH_END = 15


@dataclass(frozen=True)
class ClassRow:
    """One class, written for reading; ``sign`` is ``lost`` or ``gained`` where q <= 0.05."""

    name: str
    n_images: str
    dense_recall: str
    recall: str
    change: str
    normalized: str
    interval: str
    p: str
    q: str
    at_most: str
    sign: str
    mark: str


@dataclass(frozen=True)
class ClassRows:
    """Rows by rising normalized change, and how many classes are not among them.

    ``is_single`` where p and q are McNemar's, of one pair of models.
    """

    rows: list[ClassRow]
    n_hidden: int
    is_single: bool


def class_rows(classes: pd.DataFrame) -> ClassRows:
    """Write the classes table of one variant.

    Beyond 60 classes the 15 at either end are kept, and every one with q <= 0.05 up to 60.
    """
    delta = "normalized_recall_delta"
    is_single = usual_rule(classes) == "mcnemar_p"
    if is_single:
        classes = classes.assign(p=classes["mcnemar_p"], q_two_way=classes["mcnemar_q"])
    known = classes[classes["n_images"] > 0].sort_values(delta, kind="stable")
    if len(known) > MANY:
        ends = {*known.index[:_EACH_END], *known.index[-_EACH_END:]}
        significant = known[known["q_two_way"] <= ALPHA][delta].abs().nlargest(MANY - len(ends))
        shown = known[known.index.isin(ends | set(significant.index))]
    else:
        shown = known
    rows = [_row(row, "recall_delta" if is_single else delta) for row in shown.to_dict("records")]
    return ClassRows(rows, len(classes) - len(shown), is_single)


def _row(row: dict[str, float | str], tested: str) -> ClassRow:
    """Write one row; ``tested`` is the change whose sign q is about."""
    delta, p, q = (row[name] for name in ("normalized_recall_delta", "p", "q_two_way"))
    sign = ""
    if not is_missing(q) and float(q) <= ALPHA:
        sign = "lost" if float(row[tested]) < 0 else "gained"
    low, high, bound = row["ci_low_two_way"], row["ci_high_two_way"], row["loss_upper"]
    return ClassRow(
        name=str(row[schema.CLASS_NAME]),
        n_images=count(row["n_images"]),
        dense_recall=percent(row["dense_recall"]),
        recall=percent(row["recall"]),
        change=points(row["recall_delta"]),
        normalized=points(delta),
        interval=NOTHING if is_missing(low) else f"{points(low)} to {points(high)}",
        p=NOTHING if is_missing(p) else short_p(float(p)),
        q=NOTHING if is_missing(q) else short_p(float(q)),
        at_most=NOTHING if is_missing(bound) else points(bound),
        sign=sign,
        mark=f"{'▼' if sign == 'lost' else '▲'} {sign}, q ≤ {ALPHA}" if sign else "",
    )


def facts(scope: Scope) -> dict[str, str]:
    """Say what the sweep is of and how it was made, each in a few words."""
    manifest = scope.manifest
    dataset, model, device = manifest.dataset, manifest.model, manifest.device
    size = " x ".join(str(side) for side in model.image_size or ())
    given = {
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
    return {name: str(value) for name, value in given.items() if value}


def options(manifest: Manifest) -> dict[str, str]:
    """Every option that results depend on and that has a value, by its name."""
    given = dict(manifest.config.options)
    training = given.pop("training", {})
    return {
        key.replace("_", "-"): str(value)
        for key, value in (given | training).items()
        if value is not None
    }


def versions(manifest: Manifest) -> dict[str, str]:
    """Libraries that made the sweep, and the Lethe that wrote the report."""
    return manifest.versions | {"lethe (this report)": __version__}


def commands(scope: Scope) -> list[str]:
    """Commands that make the sweep, the report and its tables again; quoted for a shell."""
    manifest, name = scope.manifest, scope.manifest.name
    ties = [] if scope.results.ties == "confidence" else ["--ties", scope.results.ties]
    chosen = [] if scope.is_whole else [w for v in scope.variant_ids for w in ("--variant", v)]
    is_known = bool(manifest.config.options)
    made = [sweep_command(manifest, *shift_words(manifest))] if is_known else []
    return [
        *made,
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
    scope: Scope, pictures: Pictures, tables: list[TableFile], *, title: str, asked: Asked
) -> str:
    """Render the page.

    Parameters
    ----------
    scope : Scope
        What is reported.
    pictures : Pictures
        Its figures, drawn.
    tables : list of TableFile
        Its tables, written.
    title : str
        Heading of the page, plain text.
    asked : Asked
        Its sections, budget and view, and whether people, times and paths are in it.
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
        sections=asked.sections,
        view=asked.view,
        **_found(scope, asked),
        **(_made(scope) if asked.has_details else discreet(_made(scope))),
        **_cache(scope, has_details=asked.has_details),
    )


def _found(scope: Scope, asked: Asked) -> dict[str, Any]:
    """What the sweep found, in words, tables and pictures."""
    summary, manifest = scope.summary, scope.manifest
    overall = variant_table(summary, manifest)
    dense = summary[summary["variant_id"] == DENSE_ID].iloc[0]
    of_pairs = pair_table(scope.table("pairs"))
    first = first_page(scope, asked)
    shown = asked.view.image_ids[:_OF_VIEW] if asked.view else ()
    return {
        "first": first,
        "limit_header": BUDGET_HEADER,
        "view_tiles": tiles_of(scope, scope.variant_ids[0], shown) if shown else [],
        "findings": findings(summary, scope.classes, scope.results.pairs(), look=manifest.n_looks),
        "why": why_and_what_now(scope.results, first.variant)
        if "remedies" in asked.sections
        else [],
        "header": [(name, VARIANT_HELP.get(name, "")) for name in overall.columns],
        "overall": overall.to_dict("split")["data"],
        "pair_header": [(name, PAIR_HELP.get(name, "")) for name in of_pairs.columns],
        "pair_rows": of_pairs.to_dict("split")["data"],
        "noise_floor": dense["noise_floor_share"],
        "seed_tests": _seed_tests(scope),
        "paired": summary.loc[summary["paired"].eq(True), "variant_id"].tolist(),
        "variants": _each(scope, first.variant) if "each" in asked.sections else [],
    }


def _each(scope: Scope, focus: str) -> list[dict[str, Any]]:
    """What is said of every variant by itself; on paper of the focus alone."""
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
    """The permutation tests beside the excess, written for reading."""
    excess = scope.summary.set_index("variant_id")
    rows = []
    for row in scope.seed_tests.to_dict("records"):
        one = excess.loc[row["variant_id"]]
        low, high = one["pie_excess_low"], one["pie_excess_high"]
        rows.append(
            {
                "variant": str(row["variant_id"]),
                "half": percent(one["pie_share_half"]),
                "excess": points(one["pie_excess"]),
                "interval": "–" if is_missing(low) else f"{points(low)} to {points(high)}",
                "share": percent(row["pie_share"]),
                "exchanged": percent(row["exchanged_pie_share"]),
                "p": "–" if is_missing(row["p"]) else short_p(row["p"]),
                "holm": "–" if is_missing(row["p_holm"]) else short_p(row["p_holm"]),
            }
        )
    return rows


def _cache(scope: Scope, *, has_details: bool) -> dict[str, Any]:
    """How commands name the cache: by its path, where that may be told; else a sentence asks it."""
    root = f"{scope.results.folder.path.parent}"
    is_usual = root == "cache"
    named = f" --cache {shlex.quote(root)}" if has_details and not is_usual else ""
    return {"cache": named, "asks_for_cache": not is_usual and not has_details}


def _made(scope: Scope) -> dict[str, Any]:
    """How the sweep was made."""
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
