"""The command line: parse a command, run its verb, turn failures into a message and a status."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from analysis import __version__
from analysis.cli import (
    cache,
    console,
    export,
    external_models,
    features,
    findings,
    import_predictions,
    next_steps,
    remedy,
    sweep,
)
from analysis.errors import LetheError, RunError
from analysis.store import Cache, checking
from analysis.sweep.command import naming_cache

_PROGRAM = "python -m analysis"
_STOPPED = 130
_DISK_FULL = 28


def build_parser(
    program: str = _PROGRAM, beside: Mapping[str, str] | None = None
) -> argparse.ArgumentParser:
    """Build the parser of all verbs; ``beside`` lists further verbs of the program."""
    parser = next_steps.Parser(
        prog=program,
        description="Lethe: see what a compressed vision model forgot.",
    )
    parser.add_argument("--version", action="version", version=f"lethe {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--cache",
        default=next_steps.default_cache(),
        metavar="DIR",
        help="folder of the sweeps, or its fsspec URL (default: LETHE_CACHE, else 'cache')",
    )
    common.add_argument("--verbose", action="store_true", help="show the traceback of a failure")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    groups = (
        sweep, external_models, import_predictions, features, findings, remedy, cache, export,
    )  # fmt: skip
    for group in groups:
        group.add_verbs(verbs, common)
    for verb, text in (beside or {}).items():
        verbs.add_parser(verb, help=text)
    return parser


def main(
    arguments: Sequence[str] | None = None,
    program: str = _PROGRAM,
    beside: Mapping[str, str] | None = None,
) -> int:
    """Run a verb; return 0 done, 1 damage or breach, 2 unusable input, 3 failed run or machine."""
    parser = build_parser(program, beside)
    options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    options.program = program
    signal.signal(signal.SIGTERM, _stop)
    with console.guarded():
        return _run(options)


def _joined(words: Sequence[str]) -> list[str]:
    """Join the value range -1..1 to ``--pixels``, since argparse takes it for an option itself."""
    joined: list[str] = []
    for word in words:
        if word == "-1..1" and joined and joined[-1] == "--pixels":
            joined[-1] = f"--pixels={word}"
        else:
            joined.append(word)
    return joined


def _run(options: argparse.Namespace) -> int:
    try:
        status = int(options.run(options, Cache(options.cache)) or 0)
        checking.finish()
        return status
    except KeyboardInterrupt:
        _say("stopped; what was done is kept, and the same command resumes")
        return _STOPPED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except LetheError as error:
        return _fail(error, options, error.exit_status)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        reason = f"the disk is full{where}" if error.errno == _DISK_FULL else f"{error}"
        return _fail(RunError(reason), options, RunError.exit_status)
    except Exception as error:
        # Status 1 is the answer of ``check`` and ``verify``; a fault of Lethe itself is none.
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if options.verbose else "; --verbose shows where"
        problem = RunError(f"this is a fault of Lethe itself: {what}{hint}")
        return _fail(problem, options, RunError.exit_status)


def _fail(error: Exception, options: argparse.Namespace, status: int) -> int:
    if options.verbose:
        console.tell(traceback.format_exc().rstrip())
    message = str(error)
    if options.cache != next_steps.default_cache():
        message = naming_cache(message, options.cache)
    _say(f"error: {message}")
    return status


def _say(text: str) -> None:
    console.tell(f"lethe: {text}")


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt
