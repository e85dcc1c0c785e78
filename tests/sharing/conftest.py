import numpy as np
import pyarrow as pa
import pytest

from analysis import schema
from analysis.results import SweepResults, load_sweep
from analysis.store import SweepFolder
from tests.synthetic import make_sweep

HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "long " * 60,
    "two\nlines",
    "שלום",
    "猫 😀",
)
VARIANT = "magnitude-0.90"


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> SweepResults:
    cache = tmp_path_factory.mktemp("plain")
    make_sweep(cache, n_images=120, seeds=4)
    return load_sweep("made", cache=cache)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> SweepResults:
    """Names of classes and of files, and metadata, that mean harm or are merely unusual."""
    cache = tmp_path_factory.mktemp("hostile")
    folder = make_sweep(cache, n_images=120, seeds=4, class_names=HOSTILE)
    paths = [f"{HOSTILE[i % len(HOSTILE)]}/{i}.png" for i in range(120)]
    rewrite(folder, {schema.PATH: pa.array(paths), "meta_=1+1": pa.array(paths)})
    return load_sweep("made", cache=cache)


def rewrite(folder: SweepFolder, columns: dict[str, pa.Array]) -> None:
    """Replace or add columns of the images of a sweep."""
    table = folder.read_images()
    for name, column in columns.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    manifest = folder.manifest()
    manifest.files["images.parquet"] = folder.write_images(table)
    folder.write_manifest(manifest)


def without_pictures(folder: SweepFolder, image_ids: list[int]) -> None:
    """Take the pictures of some images out of a sweep."""
    images = folder.read_images([schema.IMAGE])[schema.IMAGE].to_pylist()
    for image_id in image_ids:
        images[image_id] = None
    layout = schema.images_schema().field(schema.IMAGE).type
    rewrite(folder, {schema.IMAGE: pa.array(images, type=layout)})


def ids(*image_ids: int) -> np.ndarray:
    return np.array(image_ids, np.int64)
