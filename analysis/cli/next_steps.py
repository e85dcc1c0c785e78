"""Suggested commands: after a sweep is made, and after options that no verb has."""

import argparse
import os
import re
import shlex
from pathlib import Path
from typing import NoReturn

from analysis.config import DENSE_ID
from analysis.store import Cache
from analysis.store.manifest import Manifest

_CACHE = "cache"
_VARIABLE = "LETHE_CACHE"
_MODELS = {".onnx", ".tflite", ".xml", ".pt2", ".pt", ".pth", ".h5", ".keras", ".safetensors"}
_STRAY = re.compile(r"unrecognized arguments: (.+)")


def default_cache() -> str:
    """Return the default folder of the sweeps."""
    return os.environ.get(_VARIABLE) or _CACHE


def tell_next(manifest: Manifest, cache: Cache, program: str) -> None:
    """Print the commands to type next."""
    commands = to_look_at(manifest, cache, program)
    if commands is not None:
        print(f"{manifest.name}: {commands}")


def to_look_at(manifest: Manifest, cache: Cache, program: str) -> str | None:
    """Write the commands that show the results of a sweep, to paste; None without a finished run.

    Parameters
    ----------
    manifest : Manifest
    cache : Cache
        Cache of the sweep.
    program : str
        Name of the program, as it was called.
    """
    done = {variant_id for variant_id, _, run in manifest.all_runs() if run.state == "done"}
    if not done:
        return None
    if done == {DENSE_ID}:
        more = (
            "the same command with int8=MODEL beside dense compares a compressed one"
            if manifest.origin == "external"
            else "the same command with more variants compares them"
        )
        return f"there is no compressed model yet: {more}"
    where = with_cache("", cache)
    show = f"{program} show {shlex.quote(manifest.name)} --results{where}"
    # One line each, so that they can be pasted.
    return f"results and images:\n    {show}\n    {_dashboard(program)}{where}"


def with_cache(command: str, cache: Cache) -> str:
    """Add the option that names the cache to a command, unless it is the default one."""
    if f"{cache.root}" == default_cache():
        return command
    return f"{command} --cache {shlex.quote(f'{cache.root}')}"


def _dashboard(program: str) -> str:
    return "python -m dashboard" if program.startswith("python") else f"{program} dashboard"


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest the option or command that was meant."""

    def error(self, message: str) -> NoReturn:
        """Exit with a message and, if possible, a suggestion."""
        super().error(f"{message}{_hint(message, self.prog)}")


def _hint(message: str, program: str) -> str:
    stray = _STRAY.fullmatch(message)
    if stray is not None:
        return "".join(f"; {one}" for one in map(_suggestion, stray[1].split()) if one)
    if "invalid choice: 'dashboard'" in message:
        return f"; '{_dashboard(program)}' opens it"
    if "required" in message and "SWEEP" in message:
        return f"; '{program.rpartition(' ')[0]} list' names the sweeps"
    if "required" in message and "TABLE" in message:
        return f"; '{program} --help' names the tables"
    return ""


def _suggestion(word: str) -> str:
    """Suggest the option for a dataset or a model without one."""
    if word.startswith("-"):
        return ""
    name, equals, model = word.partition("=")
    if Path(model or word).suffix.lower() in _MODELS:
        value = f"{name}={model}" if equals else f"dense={word}"
        return f"for a model, type --models {value}"
    if word.startswith(("folder:", "cifar10:", "parquet:", "hf:", "fashion-mnist:")):
        return f"for images, type --dataset {word}"
    return f"for a folder of images, type --dataset folder:{word}" if Path(word).is_dir() else ""
