"""Put on the path of a sweep that a test stops: it cannot end before a gate is opened.

Every process writes one file of predictions, and a second only once the file that LETHE_TEST_GATE
names is there.
"""

import importlib.machinery
import importlib.util
import os
import sys
import time
from typing import Any


class _Finder:
    """Changes the class as soon as its module has been loaded, without loading it earlier."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name != "analysis.store.sweep_folder":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        assert spec is not None
        loader: Any = spec.loader
        load = loader.exec_module

        def load_and_gate(module: Any) -> None:
            load(module)
            _gate(module.SweepFolder)

        loader.exec_module = load_and_gate
        return spec


def _gate(folder: Any) -> None:
    write, written = folder.write_predictions, []

    def write_when_open(self: Any, *arguments: Any, **options: Any) -> Any:
        while written and not os.path.exists(os.environ["LETHE_TEST_GATE"]):
            time.sleep(0.02)
        written.append(True)
        return write(self, *arguments, **options)

    folder.write_predictions = write_when_open


sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
