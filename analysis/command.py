"""The command that makes a sweep, from its manifest: to resume it or to extend it by hand."""

import re
import shlex
from dataclasses import fields
from typing import Any

from analysis.config import DENSE_ID, Training
from analysis.manifest import Manifest

_LEVEL = re.compile(r"(.+)-(\d+\.\d+)")
_PLAIN = ("image_size", "train_limit", "test_limit", "calibration_images", "checkpoint")
_DEFAULTS: dict[str, Any] = {"calibration_images": 128}


def sweep_command(manifest: Manifest, *more: str) -> str:
    """Write the command of a sweep, options at their default left out, with some more at its end.

    What was imported, or made by an unknown Lethe, has no options: then only what is known stands.
    """
    options = manifest.config.get("options", {})
    words = ["python -m analysis sweep", "--name", manifest.name]
    for name in ("dataset", "model"):
        if name in options:
            words += [f"--{name}", options[name]]
    words += [
        word
        for record in manifest.variants
        if record.variant_id != DENSE_ID
        for word in ("--variants", _asked(record.variant_id))
    ]
    words += ["--seeds", f"{len(manifest.seeds)}"]
    for name in _PLAIN:
        if options.get(name) not in (None, _DEFAULTS.get(name)):
            words += [_option(name), f"{options[name]}"]
    if options.get("pretrained"):
        words.append("--pretrained")
    training = options.get("training", {})
    for field in fields(Training):
        value = training.get(field.name, field.default)
        if value != field.default:
            words += [_option(field.name)] if value is True else [_option(field.name), f"{value}"]
    for path in manifest.config.get("method_files", {}):
        words += ["--method-file", path]
    return " ".join([words[0], *(shlex.quote(word) for word in (*words[1:], *more))])


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _asked(variant_id: str) -> str:
    """Write ``magnitude-0.90+int8-static`` as it is asked for: ``magnitude=0.90+int8-static``."""
    return "+".join(_LEVEL.sub(r"\1=\2", step) for step in variant_id.split("+"))
