"""``layers/<variant_id>.parquet``: which layers of a variant cost the answers of its images.

A file of the sweep as any other, listed in its manifest. It rests on the predictions of one run and
of its dense run, and says their SHA-256: where either is another one by now, it counts for nothing.
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
    """Keep the table of one variant, in place of an older one. Lock the sweep before."""
    manifest = folder.manifest()
    rests_on = _rests_on(folder, manifest, variant_id, seed)
    said = {_RESTS_ON: json.dumps({"seed": seed, "files": rests_on}).encode()}
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(said), content, compression="zstd")
    with aside(folder) as made:
        record = made.write_bytes(_path(made, variant_id), content.getvalue().to_pybytes())
        record.rows = table.num_rows
        manifest.files[folder.relative(_path(folder, variant_id))] = record
        publish(made, folder, manifest)


def read_layers(folder: SweepFolder, manifest: Manifest, variant_id: str) -> pa.Table | None:
    """Read the table of one variant; None where there is none of the runs as they are now.

    Raises
    ------
    DamageError
        It is not what was written.
    """
    path = _path(folder, variant_id)
    if folder.relative(path) not in manifest.files:
        return None
    try:
        table = folder.read_listed(path)
    except DamageError as error:
        # To start the sweep again, which helps with runs, does not help here.
        raise DamageError(
            f"{path} is missing or damaged; 'python -m analysis remedy {folder.name} layers "
            f"--variant {variant_id}' makes it anew"
        ) from error
    try:
        said = json.loads((table.schema.metadata or {}).get(_RESTS_ON, b"{}"))
        now = _rests_on(folder, manifest, variant_id, int(said["seed"]))
        is_current = len(now) == 2 and said["files"] == now
    except (ValueError, KeyError, TypeError):
        return None
    return table if is_current else None


def drop_stale(folder: SweepFolder, manifest: Manifest) -> None:
    """Remove tables that rest on runs that are others by now. Lock the sweep before."""
    for variant in manifest.variants:
        path = _path(folder, variant.variant_id)
        try:
            is_stale = read_layers(folder, manifest, variant.variant_id) is None
        except CacheError:
            is_stale = True
        if is_stale and manifest.files.pop(folder.relative(path), None) is not None:
            path.unlink(missing_ok=True)
