"""Write the command that makes, resumes or extends a sweep, from its manifest or its options."""

import re
import shlex
from collections.abc import Iterable
from typing import Any

from analysis.config import DENSE_ID, Sweep, Training
from analysis.options import options_of
from analysis.store.manifest import Manifest

# List options whose values all follow one flag.
_TOGETHER = ("mean", "std")
_LEVEL = re.compile(r"(.+)-(\d+\.\d+)")


def sweep_command(manifest: Manifest, *more: str) -> str:
    """Write the command that makes a sweep without default options; append the words ``more``.

    Imported sweeps and those of an unknown Lethe have no options: only what is known is written.
    """
    return written([*sweep_words(manifest), *more])


def _external_words(manifest: Manifest) -> list[str]:
    options = {k: v for k, v in manifest.config.options.items() if k != "model"}
    lists = {name: options.pop(name, None) or [] for name in _TOGETHER}
    words = option_words({"name": manifest.name} | options)
    for name, values in lists.items():
        words += [_option(name), *map(str, values)] if values else []
    models = manifest.models.items()
    return [*words, "--models", *(f"{run}={one.model}" for run, one in models)]


def written(words: Iterable[str]) -> str:
    """Quote the words of a command, verb first, for a shell."""
    return shlex.join(["python", "-m", "analysis", *words])


_NAMED = re.compile(
    r"((?:python -m analysis|lethe) (?:demo|export|features|forecast|import|join|list|map|merge|"
    r"remedy|remove|rename|report|show|slices|sweep|verify))(?![\w-])(?![^'\n]*--cache)"
)


def naming_cache(text: str, cache: str) -> str:
    """Add ``--cache`` to the commands in a message, so that they work when pasted.

    Parameters
    ----------
    text : str
        A message, with or without commands.
    cache : str
        Folder or address of the cache.
    """
    return _NAMED.sub(lambda found: f"{found[0]} --cache {shlex.quote(cache)}", text)


def sweep_words(manifest: Manifest) -> list[str]:
    """Return the unquoted words of the command of a sweep, verb first, without its shifts."""
    options = manifest.config.options
    if manifest.origin == "external":
        return _external_words(manifest)
    words = {"name": manifest.name} | {k: options[k] for k in ("dataset", "model") if k in options}
    words["variants"] = [
        variant_option(record.variant_id)
        for record in manifest.variants
        if record.variant_id != DENSE_ID
    ]
    words["seeds"] = len(manifest.seeds)
    stored = options | options.get("training", {})
    words |= {
        option.name: stored[option.name]
        for option in options_of(Sweep, Training)
        if option.name in stored
        and option.name not in words
        and stored[option.name] != option.default
    }
    words["method_file"] = list(manifest.config.method_files)
    return option_words(words)


def extending(
    manifest: Manifest, seeds: int, variants: Iterable[str], corruptions: Iterable[str]
) -> list[str]:
    """Return the words of the command that extends a trained sweep.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the sweep.
    seeds : int
        Total number of seeds.
    variants, corruptions : iterables of str
        Values to add, in the syntax of the options.
    """
    return [
        *sweep_words(manifest),
        *shift_words(manifest),
        *_words("seeds", seeds),
        *(word for one in variants for word in _words("variants", one)),
        *(word for one in corruptions for word in _words("corruptions", one)),
    ]


def shift_words(manifest: Manifest) -> list[str]:
    """Return the options that name the shifts of a sweep."""
    return [
        word
        for shift in manifest.shifts
        for word in (
            _words("shift", f"{shift.name}={shift.dataset}")
            if shift.corruption is None
            else _words("corruptions", f"{shift.corruption}={shift.severity}")
        )
    ]


def option_words(options: dict[str, Any]) -> list[str]:
    """Return the words of ``sweep`` with these options; None, False and empty values are left out.

    A list repeats its option. A value that begins with ``-`` is joined to its option by ``=``, so
    that it is not parsed as an option.
    """
    words = ["sweep"]
    for name, value in options.items():
        if value is True:
            words.append(_option(name))
        elif isinstance(value, list):
            words += [word for one in value for word in _words(name, one)]
        elif value is not None and value is not False and value != "":
            words += _words(name, value)
    return words


def _words(name: str, value: Any) -> list[str]:
    text = f"{value}"
    return [f"{_option(name)}={text}"] if text.startswith("-") else [_option(name), text]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def variant_option(variant_id: str) -> str:
    """Convert a variant id to option syntax: ``magnitude=0.90+int8-static``."""
    return "+".join(_LEVEL.sub(r"\1=\2", step) for step in variant_id.split("+"))
