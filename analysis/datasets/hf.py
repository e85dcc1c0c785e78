"""Open ``hf:NAME``, a dataset of the Hugging Face Hub or a local folder, through ``datasets``."""

import os
import socket
import sys
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.datasets.base import Dataset
from analysis.datasets.hf_layout import dataset_of
from analysis.datasets.parquet import TESTS, TRAIN
from analysis.datasets.registry import register
from analysis.errors import UserError
from analysis.execution.environment import environment
from analysis.filesystem.regular import open_regular

_REACHABLE_SECONDS = 4.0
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


@register("hf")
def open_hf(place: str | None) -> Dataset:
    """Open a dataset through the library ``datasets``, with its own download cache.

    Raises
    ------
    UserError
        ``datasets`` is not installed, the dataset cannot be loaded, or it has no image column.
    """
    if place is None:
        raise UserError("dataset 'hf' needs a name: hf:NAME")
    local = Path(place).exists()
    offline = local or _is_offline()
    # The Hub's libraries read this on import.
    with environment(dict.fromkeys(_OFFLINE, "1") if offline else {}):
        try:
            import datasets
        except ImportError:
            raise UserError(
                "hf: data need the library 'datasets': python -m pip install datasets"
            ) from None
        if not sys.stderr.isatty():
            datasets.disable_progress_bars()
        datasets.logging.set_verbosity_error()
        try:
            splits = datasets.load_dataset(os.path.abspath(place) if local else place)
        except Exception as error:
            why = " ".join(f"{error}".split()) or type(error).__name__
            if offline and not local:
                why = "the Hugging Face Hub cannot be reached, and it is not in the local cache"
            raise UserError(f"dataset 'hf:{place}' could not be loaded: {why}") from None
    names = list(splits)
    test = next((name for name in TESTS if name in names), None)
    train = TRAIN if TRAIN in names else names[0]
    where = f"hf:{place}"
    unused = [
        {"file": f"split '{name}'", "reason": "is neither train nor test"}
        for name in names
        if name not in (train, test)
    ]
    held_out = None if test in (None, train) else _table(datasets, splits[test])
    return dataset_of(_table(datasets, splits[train]), held_out, where, left_out=unused)


def _table(datasets: Any, split: Any) -> pa.Table:
    """Return one split as a table with encoded images."""
    images = [name for name, kind in split.features.items() if isinstance(kind, datasets.Image)]
    for name in images:
        split = split.cast_column(name, datasets.Image(decode=False))
    table = split.with_format("arrow")[:]
    for name in images:
        # Images in separate files come as paths.
        rows = [
            row if row is None or row["bytes"] is not None else row | {"bytes": _bytes(row["path"])}
            for row in table[name].to_pylist()
        ]
        column = pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
        table = table.set_column(table.column_names.index(name), name, column)
    return table.replace_schema_metadata(split.features.arrow_schema.metadata)


def _bytes(path: str | None) -> bytes | None:
    try:
        with open_regular(Path(path or "")) as file:
            return file.read()
    except OSError:
        return None


def _is_offline() -> bool:
    """Return whether the Hub is unreachable; its own client would try for half a minute."""
    if any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in _OFFLINE):
        return True
    hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    address = urllib.parse.urlsplit(urllib.request.getproxies().get("https") or hub)
    is_connected = threading.Event()

    def connect() -> None:
        try:
            port = address.port or (443 if address.scheme == "https" else 80)
            socket.create_connection((address.hostname or "", port), _REACHABLE_SECONDS).close()
            is_connected.set()
        except OSError:
            pass

    # Resolving a name may exceed the connection's time limit.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_REACHABLE_SECONDS)
    return not is_connected.is_set()
