"""Verbs that write results: ``export``, ``figure``, ``share``, ``report`` and ``check``."""

import argparse
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.budgets import FORMATS, check, is_held, read_budget, written
from analysis.cli.console import ProgressBars, tell, write_data
from analysis.cli.next_steps import default_cache
from analysis.cli.options import add_options, add_ties, preset_of
from analysis.cli.remedy import missing
from analysis.errors import UserError
from analysis.export import Chosen, choose, formats, share, sharing_format, wording_of
from analysis.export.selection import POPULATIONS
from analysis.figures.preset import FigurePreset
from analysis.filesystem.atomic import replacing
from analysis.presentation.formatting import count, size
from analysis.presentation.sections import SECTIONS
from analysis.results import TABLES, SweepResults
from analysis.stats.pie import KINDS
from analysis.store import Cache
from analysis.store.tabular import to_csv, write_table
from analysis.sweep.command import naming_cache

_CHECK_ABOUT = """\
Compare a sweep with a budget in TOML: overall top-1 drop, the largest drop of a class, PIEs \
beyond seed noise, gaps of subgroups, size. Exit status 0: within the budget; 1: a breach, or a \
limit that could not be tested; 2: the budget or the sweep cannot be used. docs/ci.md describes \
budgets."""


def _add_check(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "check",
        parents=[common],
        help="pass or fail against a budget, for CI",
        description=_CHECK_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("--budget", metavar="FILE.toml", required=True, help="see docs/ci.md")
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="only this variant (repeatable)"
    )
    add_ties(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="format of the table")
    parser.set_defaults(run=run_check)


def run_check(options: argparse.Namespace, cache: Cache) -> int:
    """Print the table of limits; return 1 if the budget is not met."""
    budget = read_budget(options.budget)
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    verdicts = check(results, budget, options.variant)
    print(written(verdicts, budget, sweep=options.sweep, format=options.format))
    return 0 if is_held(verdicts, budget) else 1


def _add_export(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    export = verbs.add_parser("export", parents=[common], help="write a table of a sweep")
    export.add_argument("sweep", metavar="SWEEP")
    export.add_argument("table", metavar="TABLE", choices=list(TABLES), help=", ".join(TABLES))
    export.add_argument("--variant", metavar="ID", help="only the rows of one variant")
    add_ties(export)
    export.add_argument(
        "--out", metavar="FILE", help=".csv, .parquet or .json (default: CSV to standard output)"
    )
    export.add_argument(
        "--by",
        metavar="ATTRIBUTE[,ATTRIBUTE]",
        help="attributes, attribute-deciles, attribute-pairs, numeric-attributes, subgroups: one "
        "attribute alone; attributes, subgroups: several for the intersections of their values "
        "(default: every attribute on its own)",
    )
    export.add_argument(
        "--positive",
        metavar="CLASS",
        help="subgroups: the class compared with the rest (default: the second of two classes, "
        "else each in turn)",
    )
    export.set_defaults(run=run_export)


def run_export(options: argparse.Namespace, cache: Cache) -> int:
    """Write one table."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = _table(results, options)
    if options.table.startswith("annotation"):
        for problem in results.folder.annotations.problems():
            tell(f"lethe: warning: {problem}")
    if options.table == "layers" and table.empty:
        raise missing(options.sweep, options.variant, cache, results.manifest)
    if options.out:
        write_table(table, options.out)
    else:
        write_data(to_csv(table))
    return 0


def _table(results: SweepResults, options: argparse.Namespace) -> pd.DataFrame:
    name, variant = options.table, options.variant
    for option, tables in (
        (
            "by",
            (
                "attributes",
                "attribute-deciles",
                "attribute-pairs",
                "numeric-attributes",
                "subgroups",
            ),
        ),
        ("positive", ("subgroups",)),
    ):
        if getattr(options, option) is not None and name not in tables:
            raise UserError(f"--{option} goes with {', '.join(tables)}, not with {name}")
    by = options.by.split(",") if options.by else []
    if name == "subgroups":
        return results.subgroups(variant, by=by or None, positive=options.positive)
    if not by:
        return results.table(name, variant)
    if len(by) > 1 and name == "attributes":
        return results.attributes(variant, by=by)
    if len(by) > 1:
        raise UserError(
            f"--by {options.by}: {name} takes one attribute; attributes and subgroups take several"
        )
    compute = getattr(results, TABLES[name].method)
    return compute(variant, attribute=by[0])


_FIGURE_ABOUT = """\
Draw one figure of a sweep as in its report. Without a name, list all figures, one a line."""


def _add_figure(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "figure", parents=[common], help="draw a figure of a sweep", description=_FIGURE_ABOUT
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("figure", metavar="FIGURE", nargs="?", help="such as pie-share")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="NAME.svg, .png, .pdf, .html, .json, or .csv for its data (default: FIGURE.svg)",
    )
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="only this variant (repeatable)"
    )
    add_ties(parser)
    add_options(parser, FigurePreset)
    parser.set_defaults(run=run_figure)


def run_figure(options: argparse.Namespace, cache: Cache) -> int:
    """Draw one figure into a file, or list all figures."""
    from analysis.figures.drawn import drawn_data
    from analysis.figures.files import FORMATS as PICTURES
    from analysis.figures.files import csv_bytes, figure_bytes
    from analysis.report.figures import drawings
    from analysis.report.pictures import units_text
    from analysis.report.scope import scope_of

    preset = preset_of(options)
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    known = {one.name: one for one in drawings(scope_of(results, options.variant))}
    if options.figure is None:
        for one in known.values():
            print(f"{one.name}: {one.title}")
        return 0
    if options.figure not in known:
        near = ", ".join(get_close_matches(options.figure, known, 3)) or "none is like it"
        raise UserError(
            f"figure '{options.figure}': sweep '{options.sweep}' has none of that name ({near}); "
            f"'figure {options.sweep}' lists all"
        )
    path = Path(options.out or f"{options.figure}.svg")
    suffix = next((one for one in PICTURES if path.suffix == f".{one}"), None)
    if (suffix is None and path.suffix != ".csv") or not path.parent.is_dir():
        raise UserError(
            f"--out {path}: expected a name in an existing folder that ends in "
            f"{', '.join(f'.{one}' for one in (*PICTURES, 'csv'))}"
        )
    drawn = known[options.figure].figure()
    if path.suffix == ".csv":
        beside = path.with_suffix(".json")
        with replacing(beside) as temporary:
            temporary.write_text(units_text(drawn), encoding="utf-8")
        print(f"{beside}: its columns and their units")
        content = csv_bytes(drawn_data(drawn))
    elif suffix is not None:
        content = figure_bytes(drawn, suffix, preset)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    print(f"{path}: {size(len(content))}")
    return 0


_SHARE_ABOUT = """\
Export images of a sweep for other tools: PIEs by falling vote distance, for single models (one \
run a variant) by falling confidence lost in the true class, or named images. The file or folder \
is written completely or not at all."""


def _add_share(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    known = formats()
    parser = verbs.add_parser(
        "share",
        parents=[common],
        help="images as ZIP, contact sheet, Hugging Face folder, FiftyOne or label-cleaning CSV",
        description=_SHARE_ABOUT,
        epilog="formats: "
        + "; ".join(f"{n}: {f.about.rstrip('.')}" for n, f in sorted(known.items())),
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("format", metavar="FORMAT", choices=sorted(known), help=", ".join(known))
    parser.add_argument(
        "--variant", metavar="ID", help="compared with dense (default: the most compressed one)"
    )
    parser.add_argument("--population", choices=POPULATIONS, help="which images (default: pies)")
    parser.add_argument(
        "--kind", choices=KINDS, action="append", help="only this kind of PIE (repeatable)"
    )
    parser.add_argument(
        "--class", dest="classes", metavar="NAME", action="append",
        help="only images of this true class (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--images", metavar="ID[,ID]", help="these images in this order instead, by image_id"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="only the first N of them")
    parser.add_argument(
        "--per-class", metavar="N", type=int, help="only the first N of each true class"
    )
    add_options(parser, FigurePreset)
    add_ties(parser)
    parser.add_argument(
        "--out", metavar="FILE|DIR", required=True,
        help="a file with the format's suffix; of formats with several files .zip or a new folder",
    )  # fmt: skip
    parser.set_defaults(run=run_share)


def run_share(options: argparse.Namespace, cache: Cache) -> int:
    """Write the images and describe them."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    variant_id = options.variant or results.default_variant()
    if variant_id is None:
        raise UserError(f"sweep '{options.sweep}' has no compressed variant with a finished run")
    image_ids, words = _chosen(options, results, variant_id)
    chosen = Chosen(results, variant_id, image_ids, words, preset_of(options))
    total = len(chosen) + 3
    with ProgressBars(sys.stderr) as bars:
        share(
            chosen,
            sharing_format(options.format),
            options.out,
            progress=lambda n: bars("Writing", min(n, total), total),
        )
    noun = "image" if len(chosen) == 1 else "images"
    print(f"{options.out}: {count(len(chosen))} {noun} of {variant_id} ({words})")
    return 0


def _chosen(
    options: argparse.Namespace, results: SweepResults, variant_id: str
) -> tuple[npt.NDArray[np.int64], str]:
    """Return image ids in order, and a description of the choice."""
    if options.limit is not None and options.limit < 1:
        raise UserError(f"--limit {options.limit}: expected 1 or more")
    each = options.per_class
    if each is not None and each < 1:
        raise UserError(f"--per-class {each}: expected 1 or more")
    population = options.population or "pies"
    kinds, classes = options.kind or [], options.classes or []
    if options.images is not None:
        if options.population or kinds or classes or each:
            raise UserError(
                "--images names the images: leave --population, --kind, --class, --per-class out"
            )
        image_ids, words = _named(options.images), "image by image"
    else:
        # Check the variant before its table is computed.
        Chosen(results, variant_id, np.empty(0, np.int64))
        rule: dict[str, Any] = {"population": population, "kinds": kinds, "classes": classes}
        image_ids = choose(results, variant_id, **rule, per_class=each)
        words = wording_of(**rule) + (f", the first {count(each)} of each class" if each else "")
        if not len(image_ids):
            raise UserError(f"{variant_id} has no image for: {words}")
    if options.limit is not None and options.limit < len(image_ids):
        words = f"{words}, the first {count(options.limit)} of {count(len(image_ids))}"
        image_ids = image_ids[: options.limit]
    return image_ids, words


def _named(text: str) -> npt.NDArray[np.int64]:
    try:
        return np.array([int(part) for part in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise UserError(f"--images {text[:80]}: expected image ids such as 3,17,4") from None


_REPORT_ABOUT = """\
Write a sweep as one self-contained HTML page that opens offline and prints (index.html), every \
figure as PNG, SVG and PDF (figures/) and every table as CSV (tables/). The page begins with a \
verdict; names of raters, times and paths of this machine are left out."""


def _add_report(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "report",
        parents=[common],
        help="one HTML page, every figure as a file, every table as CSV",
        description=_REPORT_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="a new or empty folder, or an earlier report's"
    )
    parser.add_argument("--title", help="heading of the page (default: after the sweep)")
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="only this variant (repeatable)"
    )
    add_ties(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="accept a folder with other files, which stay",
    )
    add_options(parser, FigurePreset)
    parser.add_argument(
        "--section", metavar="NAME", action="append",
        help=f"only this section, after the verdict (repeatable): {', '.join(SECTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--budget", metavar="FILE", help="limits that the verdict checks the sweep against (TOML)"
    )
    parser.add_argument(
        "--details", action="store_true",
        help="include private details: names of raters, times, paths of this machine",
    )  # fmt: skip
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace, cache: Cache) -> int:
    """Write the report; print its path, size and omissions."""
    from analysis.report import write_report
    from analysis.report.contents import Contents, chosen_sections

    contents = Contents(
        sections=chosen_sections(options.section),
        budget=read_budget(options.budget) if options.budget else None,
        has_details=options.details,
    )
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    with ProgressBars(sys.stderr) as bars:
        written = write_report(
            results,
            Path(options.out),
            title=options.title,
            variant_ids=options.variant,
            overwrite=options.overwrite,
            progress=bars,
            preset=preset_of(options),
            contents=contents,
        )
    print(
        f"{written.page}: {size(written.n_bytes)}, {written.n_figures} figures, "
        f"{written.n_tables} tables"
    )
    is_usual = options.cache == default_cache()
    for note in written.notes:
        print(f"note: {note if is_usual else naming_cache(note, options.cache)}")
    return 0


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    for add in (_add_export, _add_figure, _add_share, _add_report, _add_check):
        add(verbs, common)
