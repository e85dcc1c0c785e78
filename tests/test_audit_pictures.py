"""The tiles of an audit: files and pixels of the loader's dataset, or images that are given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

from analysis.notebook.audit import audit
from tests.auditing import Folder, first_class, pair, tiles


def test_tiles_are_the_files_of_the_loaders_dataset(tmp_path: Path) -> None:
    data = Folder(tmp_path / "pictures")
    part = Subset(Subset(data, [1, 3, 5, 8, 10]), [4, 2, 0])
    found = audit(
        {"dense": first_class, "int8": first_class}, DataLoader(part, 2), cache=tmp_path / "c"
    )
    assert found.class_names == ["ant", "bee"]
    table = found.results.folder.read_images(["path", "label"])
    assert table["path"].to_pylist() == ["ant/10.png", "bee/5.png", "bee/1.png"]
    assert [tile.getpixel((0, 0)) for tile in tiles(found)] == [
        (200, 0, 255), (100, 0, 255), (20, 0, 255),
    ]  # fmt: skip
    shuffled = DataLoader(data, 4, shuffle=True)
    found = audit({"dense": first_class}, shuffled, cache=tmp_path / "c", name="shuffled")
    assert found.results.folder.read_images(["path"])["path"].null_count == 12
    assert any("shuffles" in note for note in found.notes)


def test_tiles_are_the_pixels_of_the_loaders_dataset(tmp_path: Path) -> None:
    class Pixels(Dataset):  # type: ignore[type-arg]
        data = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.full(
            (6, 5, 5, 3), 40, np.uint8
        )
        targets = [0, 1] * 3

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            x = torch.from_numpy(self.data[index]).permute(2, 0, 1).float()
            return x / 100 - 1, self.targets[index]

    found = audit({"dense": first_class}, DataLoader(Pixels(), 4), cache=tmp_path)
    assert [tile.getpixel((0, 0))[0] for tile in tiles(found)] == [0, 40, 80, 120, 160, 200]
    assert found.notes == ()


def test_a_dataset_that_gives_other_labels_shows_no_tile(tmp_path: Path) -> None:
    loader = DataLoader(Folder(tmp_path / "pictures"), 4, collate_fn=lambda rows: (
        torch.stack([row[0] for row in rows]), torch.tensor([1 - row[1] for row in rows])
    ))  # fmt: skip
    found = audit({"dense": first_class}, loader, cache=tmp_path / "c")
    assert found.results.folder.read_images(["image"])["image"].null_count == 12
    assert "images=… gives them" in found.notes[0]


@pytest.mark.parametrize("form", ["bytes", "units", "normalized", "first", "pil", "paths", "list"])
def test_images_that_are_given(form: str, tmp_path: Path) -> None:
    given, labels = pair()
    grey = (np.arange(60) * 4).astype(np.uint8)
    pixels = np.broadcast_to(grey[:, None, None, None], (60, 6, 6, 3)).copy()
    images: Any = {
        "bytes": pixels, "units": (pixels / 255).astype(np.float32),
        "normalized": (pixels / 255.0 - 0.5) / 0.25,
        "first": torch.from_numpy(pixels.transpose(0, 3, 1, 2) / np.float32(255)),
        "pil": [Image.fromarray(one) for one in pixels],
        "list": list(pixels), "paths": [tmp_path / "p" / f"{i}.png" for i in range(60)],
    }[form]  # fmt: skip
    (tmp_path / "p").mkdir()
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / "p" / f"{i}.png")
    found = audit(given, labels=labels, images=images, cache=tmp_path / "c")
    shown = np.array([np.asarray(tile.convert("L"))[0, 0] for tile in tiles(found)])
    if form == "normalized":
        grey = np.round(grey / 236 * 255)
        assert "black to white" in found.notes[0]
    np.testing.assert_allclose(shown, grey, atol=1)
