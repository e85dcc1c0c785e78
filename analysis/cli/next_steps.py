"""What to type next: after a sweep is made, and after words that no verb takes."""

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
    """Return the folder of the sweeps where none is said."""
    return os.environ.get(_VARIABLE) or _CACHE


def tell_next(manifest: Manifest, cache: Cache, program: str) -> None:
    """Print what to type next."""
    said = to_look_at(manifest, cache, program)
    if said is not None:
        print(f"{manifest.name}: {said}")


def to_look_at(manifest: Manifest, cache: Cache, program: str) -> str | None:
    """Write the commands that show what a sweep found, as they are pasted; None without a run.

    Parameters
    ----------
    manifest : Manifest
    cache : Cache
        Where it lies.
    program : str
        What the program was called as.
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
        return f"no compressed model is there yet: {more}"
    where = with_cache("", cache)
    show = f"{program} show {shlex.quote(manifest.name)} --results{where}"
    # A line each, so that they can be pasted.
    return f"what was found, and the images:\n    {show}\n    {_dashboard(program)}{where}"


def with_cache(command: str, cache: Cache) -> str:
    """Write a command with the cache it means, where that is not the default one."""
    if f"{cache.root}" == default_cache():
        return command
    return f"{command} --cache {shlex.quote(f'{cache.root}')}"


def _dashboard(program: str) -> str:
    return "python -m dashboard" if program.startswith("python") else f"{program} dashboard"


class Parser(argparse.ArgumentParser):
    """A parser whose errors say how what was meant is typed."""

    def error(self, message: str) -> NoReturn:
        """End with a message, and how to go on where that can be told."""
        super().error(f"{message}{_hint(message, self.prog)}")


def _hint(message: str, program: str) -> str:
    stray = _STRAY.fullmatch(message)
    if stray is not None:
        return "".join(f"; {one}" for one in map(_meant, stray[1].split()) if one)
    if "invalid choice: 'dashboard'" in message:
        return f"; '{_dashboard(program)}' opens it"
    if "required" in message and "SWEEP" in message:
        return f"; '{program.rpartition(' ')[0]} list' names the sweeps"
    if "required" in message and "TABLE" in message:
        return f"; '{program} --help' names the tables"
    return ""


def _meant(word: str) -> str:
    """Say how a dataset or a model that stands alone is given."""
    if word.startswith("-"):
        return ""
    name, equals, model = word.partition("=")
    if Path(model or word).suffix.lower() in _MODELS:
        given = f"{name}={model}" if equals else f"dense={word}"
        return f"a model is given as --models {given}"
    if word.startswith(("folder:", "cifar10:", "parquet:", "hf:", "fashion-mnist:")):
        return f"images are given as --dataset {word}"
    return f"a folder of images is given as --dataset folder:{word}" if Path(word).is_dir() else ""
