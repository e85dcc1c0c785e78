"""The names of all models, for the form to search in: asked of a child, since that takes torch."""

import os
import subprocess
import sys
from concurrent.futures import Future
from functools import cache
from threading import Thread

from dashboard.sweeps.child import python_path

# What is offered while the list is being made, and where it cannot be.
USUAL = ("tiny_cnn", "resnet18", "resnet50", "mobilenetv3_small_100", "efficientnet_b0",
         "convnext_tiny", "vit_tiny_patch16_224")  # fmt: skip
_PATIENCE = 120.0


def names() -> list[str]:
    """Return the usual models first, then every other name once the list has been made."""
    asked = _asked()
    found = asked.result() if asked.done() else []
    return [*USUAL, *(name for name in found if name not in USUAL)]


@cache
def _asked() -> "Future[list[str]]":
    future: Future[list[str]] = Future()
    Thread(target=_ask, args=(future,), daemon=True).start()
    return future


def _ask(future: "Future[list[str]]") -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "analysis.models"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": python_path()},
            timeout=_PATIENCE,
            check=False,
        )
        future.set_result(done.stdout.decode("utf-8", "replace").split())
    except (OSError, subprocess.TimeoutExpired):
        future.set_result([])
