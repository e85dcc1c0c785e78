"""The page of a report: one HTML file that holds all it shows, every text of the data escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.config import DENSE_ID
from analysis.findings import findings
from analysis.pair_table import HELP as PAIR_HELP
from analysis.pair_table import pair_table
from analysis.report import provenance
from analysis.report.classes import class_rows
from analysis.report.gallery import galleries
from analysis.report.pictures import Pictures
from analysis.report.scope import Scope
from analysis.report.tables import MOST_ROWS, TableFile
from analysis.variant_table import HELP, variant_table
from analysis.wording import count, is_missing, percent, points

_TEMPLATES = Path(__file__).parent / "templates"
_LEFT_OUT = 100
_PROBABILITY = "{:.2g}"


def render(scope: Scope, pictures: Pictures, tables: list[TableFile], *, title: str) -> str:
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
        **_found(scope),
        **_made(scope),
    )


def _found(scope: Scope) -> dict[str, Any]:
    """What the sweep found, in words, tables and pictures."""
    summary, manifest = scope.summary, scope.manifest
    of_variants = galleries(scope)
    overall = variant_table(summary, manifest)
    dense = summary[summary["variant_id"] == DENSE_ID].iloc[0]
    of_pairs = pair_table(scope.table("pairs"))
    return {
        "findings": findings(summary, scope.classes, scope.seed_tests, scope.results.pairs()),
        "header": [(name, HELP.get(name, "")) for name in overall.columns],
        "overall": overall.to_dict("split")["data"],
        "pair_header": [(name, PAIR_HELP.get(name, "")) for name in of_pairs.columns],
        "pair_rows": of_pairs.to_dict("split")["data"],
        "noise_floor": dense["noise_floor_share"],
        "seed_tests": _seed_tests(scope),
        "paired": summary.loc[summary["paired"].eq(True), "variant_id"].tolist(),
        "variants": [
            {
                "id": variant_id,
                "gallery": of_variants[variant_id],
                "classes": class_rows(scope.results.classes(variant_id)),
            }
            for variant_id in scope.variant_ids
        ],
    }


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
                "p": "–" if is_missing(row["p"]) else _PROBABILITY.format(row["p"]),
            }
        )
    return rows


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
        "facts": provenance.facts(scope),
        "options": provenance.options(manifest),
        "versions": provenance.versions(manifest),
        "commands": provenance.commands(scope),
        "notes": manifest.dataset.get("notes", []),
        "left_out": manifest.left_out[:_LEFT_OUT],
        "n_left_out": len(manifest.left_out),
        "failed": failed,
        "n_runs": n_runs,
        "is_single": n_runs == 1,
        "ties": scope.results.ties,
        "n_tied": scope.summary[["variant_id", "n_tied"]].dropna().to_dict("records"),
        "is_complete": manifest.is_complete,
    }
