"""Pictures are opened by an allow-list of formats, and texts of tables run in no spreadsheet."""

import ast
import io
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError

from analysis.datasets.decode import UnusableImageError, deep_mode, largest_value, upright
from analysis.datasets.pictures import FORMATS, open_picture
from analysis.export import contact_sheet
from analysis.store.tabular import to_csv

ROOT = Path(__file__).parents[2]
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
(run) print
showpage
%%EOF
"""


def drawn(kind: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_the_usual_formats_are_read_whatever_the_name(kind: str, tmp_path: Path) -> None:
    assert kind in FORMATS
    (tmp_path / "a.png").write_bytes(drawn(kind))
    assert upright(tmp_path / "a.png").size == (8, 8)


@pytest.mark.parametrize(
    "content", [EPS, drawn("ICO"), drawn("TGA"), drawn("PCX"), drawn("SGI"), drawn("DDS")],
    ids=["eps", "ico", "tga", "pcx", "sgi", "dds"],
)  # fmt: skip
def test_others_are_no_pictures_and_start_no_program(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    for name in ("run", "Popen", "check_call", "check_output", "call"):
        monkeypatch.setattr(subprocess, name, refuse)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UnidentifiedImageError):
        open_picture(io.BytesIO(content))
    with pytest.raises(UnusableImageError, match="not a readable image"):
        upright(path)
    assert deep_mode(io.BytesIO(content)) is None
    assert largest_value(io.BytesIO(content)) == 0
    assert contact_sheet.open_picture is open_picture


def test_pictures_are_opened_in_one_place() -> None:
    places = set()
    for path in (
        p for room in ("analysis", "dashboard", "lethe") for p in (ROOT / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("Image.open"):
                places.add(path.relative_to(ROOT).as_posix())
    assert places == {"analysis/datasets/pictures.py"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_of_a_table_is_a_formula(start: str) -> None:
    text = to_csv(pd.DataFrame({f"{start}h": [f"{start}cmd|' /C calc'!A0", "plain"]}))
    read = pd.read_csv(io.StringIO(text, newline=""))
    assert read.columns[0].startswith("'")
    assert read.iloc[0, 0].startswith("'")
    assert read.iloc[1, 0] == "plain"
