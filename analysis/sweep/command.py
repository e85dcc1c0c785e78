"""The command that makes a sweep, from its manifest or from options: to make, resume, extend it."""

import re
import shlex
from collections.abc import Iterable
from typing import Any

from analysis.config import DENSE_ID, Sweep, Training
from analysis.options import options_of
from analysis.store.manifest import Manifest

# Lists whose values follow their option at once.
_TOGETHER = ("mean", "std")
_LEVEL = re.compile(r"(.+)-(\d+\.\d+)")


def sweep_command(manifest: Manifest, *more: str) -> str:
    """Write the command of a sweep, options at their default left out, with some more at its end.

    What was imported, or made by an unknown Lethe, has no options: then only what is known stands.
    """
    return written([*sweep_words(manifest), *more])


def _words_of_given(manifest: Manifest) -> list[str]:
    options = {k: v for k, v in manifest.config.options.items() if k != "model"}
    lists = {name: options.pop(name, None) or [] for name in _TOGETHER}
    words = option_words({"name": manifest.name} | options)
    for name, values in lists.items():
        words += [_option(name), *map(str, values)] if values else []
    models = manifest.models.items()
    return [*words, "--models", *(f"{run}={one.model}" for run, one in models)]


def written(words: Iterable[str]) -> str:
    """Write the words of a command, verb first, as a line for a shell."""
    return shlex.join(["python", "-m", "analysis", *words])


_NAMED = re.compile(
    r"((?:python -m analysis|lethe) (?:demo|export|features|forecast|import|join|list|map|merge|"
    r"remedy|remove|rename|report|show|slices|sweep|verify))(?![\w-])(?![^'\n]*--cache)"
)


def naming_cache(text: str, cache: str) -> str:
    """Return a message whose commands name the cache they mean, so that they work when pasted.

    Parameters
    ----------
    text : str
        A message, with commands in it or without.
    cache : str
        Folder or address of the cache.
    """
    return _NAMED.sub(lambda found: f"{found[0]} --cache {shlex.quote(cache)}", text)


def sweep_words(manifest: Manifest) -> list[str]:
    """Words of the command of a sweep, without its shifts; verb first, not quoted."""
    options = manifest.config.options
    if manifest.origin == "external":
        return _words_of_given(manifest)
    given = {"name": manifest.name} | {k: options[k] for k in ("dataset", "model") if k in options}
    given["variants"] = [
        as_asked(record.variant_id) for record in manifest.variants if record.variant_id != DENSE_ID
    ]
    given["seeds"] = len(manifest.seeds)
    held = options | options.get("training", {})
    given |= {
        one.name: held[one.name]
        for one in options_of(Sweep, Training)
        if one.name in held and one.name not in given and held[one.name] != one.default
    }
    given["method_file"] = list(manifest.config.method_files)
    return option_words(given)


def extending(
    manifest: Manifest, seeds: int, variants: Iterable[str], corruptions: Iterable[str]
) -> list[str]:
    """Words of the command that adds to a trained sweep what it does not have yet.

    Parameters
    ----------
    manifest : Manifest
        Of the sweep.
    seeds : int
        How many seeds it is to have.
    variants, corruptions : iterables of str
        More of them, as the options take them.
    """
    return [
        *sweep_words(manifest),
        *shift_words(manifest),
        *_words("seeds", seeds),
        *(word for one in variants for word in _words("variants", one)),
        *(word for one in corruptions for word in _words("corruptions", one)),
    ]


def shift_words(manifest: Manifest) -> list[str]:
    """Words that ask for the shifts of a sweep."""
    return [
        word
        for shift in manifest.shifts
        for word in (
            _words("shift", f"{shift.name}={shift.dataset}")
            if shift.corruption is None
            else _words("corruptions", f"{shift.corruption}={shift.severity}")
        )
    ]


def option_words(given: dict[str, Any]) -> list[str]:
    """Words of ``sweep`` with options by their names; what is None, False or empty is left out.

    A list repeats its option. A value that begins with ``-`` is tied to its option by ``=``, so
    that it is never taken for an option itself.
    """
    words = ["sweep"]
    for name, value in given.items():
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


def as_asked(variant_id: str) -> str:
    """Write ``magnitude-0.90+int8-static`` as it is asked for: ``magnitude=0.90+int8-static``."""
    return "+".join(_LEVEL.sub(r"\1=\2", step) for step in variant_id.split("+"))
