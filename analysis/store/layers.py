"""``layers/<variant_id>.parquet``: the culprit layers of a variant.

The table is listed in the manifest. It holds the SHA-256 of the two prediction files it was
computed from, of a run and its dense run; if either has changed, the table is stale.
"""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.config import DENSE_ID
from analysis.errors import CacheError, DamageError
from analysis.filesystem import Location
from analysis.store.manifest import Manifest
from analysis.store.sweep_folder import SweepFolder
from analysis.store.transfer import aside, publish

FOLDER = "layers"
_RESTS_ON = b"lethe.rests_on"


def _path(folder: SweepFolder, variant_id: str) -> Location:
    return folder.path / FOLDER / f"{variant_id}.parquet"


def _rests_on(
    folder: SweepFolder, manifest: Manifest, variant_id: str, seed: int
) -> dict[str, str]:
    names = [folder.relative(folder.prediction_path(one, seed)) for one in (DENSE_ID, variant_id)]
    return {name: manifest.files[name].sha256 for name in names if name in manifest.files}


def write_layers(folder: SweepFolder, variant_id: str, seed: int, table: pa.Table) -> None:
    """Store the table of one variant, replacing an older one. The sweep must be locked."""
    manifest = folder.manifest()
    rests_on = _rests_on(folder, manifest, variant_id, seed)
    metadata = {_RESTS_ON: json.dumps({"seed": seed, "files": rests_on}).encode()}
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), content, compression="zstd")
    with aside(folder) as made:
        record = made.write_bytes(_path(made, variant_id), content.getvalue().to_pybytes())
        record.rows = table.num_rows
        manifest.files[folder.relative(_path(folder, variant_id))] = record
        publish(made, folder, manifest)


def read_layers(folder: SweepFolder, manifest: Manifest, variant_id: str) -> pa.Table | None:
    """Read the table of one variant; None if it is missing or stale.

    Raises
    ------
    DamageError
        The table is damaged.
    """
    path = _path(folder, variant_id)
    if folder.relative(path) not in manifest.files:
        return None
    try:
        table = folder.read_listed(path)
    except DamageError as error:
        # Starting the sweep again does not remake this table.
        raise DamageError(
            f"{path} is missing or damaged; 'python -m analysis remedy {folder.name} layers "
            f"--variant {variant_id}' makes it again"
        ) from error
    try:
        stored = json.loads((table.schema.metadata or {}).get(_RESTS_ON, b"{}"))
        current = _rests_on(folder, manifest, variant_id, int(stored["seed"]))
        is_current = len(current) == 2 and stored["files"] == current
    except (ValueError, KeyError, TypeError):
        return None
    return table if is_current else None


def drop_stale(folder: SweepFolder, manifest: Manifest) -> None:
    """Remove stale tables. The sweep must be locked."""
    for variant in manifest.variants:
        path = _path(folder, variant.variant_id)
        try:
            is_stale = read_layers(folder, manifest, variant.variant_id) is None
        except CacheError:
            is_stale = True
        if is_stale and manifest.files.pop(folder.relative(path), None) is not None:
            path.unlink(missing_ok=True)
