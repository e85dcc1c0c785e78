"""Draw docs/corruptions.png: every corruption of one digit at severities 1 to 5.

Run from the project's folder: ``python -m docs.contact_sheet``.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from analysis.shifts.corruptions.apply import corrupt
from analysis.shifts.corruptions.registry import corruptions

SIDE, GAP, NAME = 64, 4, 18
SEVERITIES = (1, 2, 3, 4, 5)
TARGET = Path(__file__).with_name("corruptions.png")


def picture() -> np.ndarray:
    """One of scikit-learn's digits, enlarged and in colour, [3, SIDE, SIDE]."""
    digit = Image.fromarray((load_digits().images[2] / 16 * 255).astype(np.uint8))
    level = np.asarray(digit.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255
    paper, ink = np.array([52, 86, 120]), np.array([240, 205, 120])
    mixed = paper + level[:, :, None] * (ink - paper)
    return mixed.round().astype(np.uint8).transpose(2, 0, 1)


def main() -> None:
    """Draw the sheet: two corruptions a row, the clean picture last."""
    clean, names = picture(), [*corruptions(), "clean"]
    width, height = len(SEVERITIES) * (SIDE + GAP) + 3 * GAP, SIDE + NAME + GAP
    sheet = Image.new("RGB", (2 * width, (len(names) + 1) // 2 * height + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, name in enumerate(names):
        left, top = place % 2 * width + GAP, place // 2 * height
        draw.text((left, top + 2), name, fill="black", font=font)
        for column, severity in enumerate(SEVERITIES if name != "clean" else (0,)):
            pixels = corrupt(clean, name, severity) if severity else clean
            cell = Image.fromarray(pixels.transpose(1, 2, 0))
            sheet.paste(cell, (left + column * (SIDE + GAP), top + NAME))
    sheet.save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
