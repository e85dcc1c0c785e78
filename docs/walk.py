"""Draw the pictures of the README and of docs/dashboard.md: every page of the dashboard.

The cache must hold the demo with corruptions, for pages of shifts and metadata, and a sweep of
CIFAR-10 and one of Fashion-MNIST::

    lethe demo
    lethe sweep --name demo --dataset digits-longtail --model tiny_cnn --seeds 10 --epochs 50 \
        --variants magnitude=0.3,0.5,0.7,0.9,0.95 --variants int8-static --variants int8-dynamic \
        --corruptions gaussian_noise=1,3,5 --corruptions defocus_blur=1,3,5 \
        --corruptions fog=1,3,5 --corruptions contrast=1,3,5
    lethe sweep --dataset cifar10:DIR --model tiny_cnn --seeds 10 --epochs 6 --train-limit 6000 \
        --variants magnitude=0.5,0.9,0.95 --variants int8-static
    lethe sweep --name fashion-mnist --dataset fashion-mnist:DIR --model tiny_cnn --seeds 10 \
        --epochs 6 --train-limit 12000 --variants magnitude=0.5,0.9,0.95 --variants int8-static

Then, from the project's folder: ``python -m docs.walk [--cache DIR] [PAGE …]``. Chromium is found
as the benchmarks find it (``LETHE_CHROMIUM`` names another).
"""

import argparse
import io
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.gallery import FLAGS, app, free_port

HERE = Path(__file__).parent
DIGITS, PHOTOS, CLOTHES = "demo", "cifar10-tiny_cnn", "fashion-mnist"
FIGURE, TILE = ".js-plotly-plot .main-svg", "[data-testid=gallery-tile] img"
_NOTHING_IS_LOADING = """() => !document.querySelector(
  '[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')"""
STRIP = ("overview", "classes", "image")
WIDTH, REST, MOST_BYTES = 1440, 4000, 400_000
# The strip's pages are drawn narrower, so that they can still be read where they are small.
STRIP_VIEW, STRIP_SIZE, GAP = (1000, 720), (640, 461), 16


@dataclass(frozen=True)
class Shot:
    """One picture: sweep, address, colour scheme, height, and what must be painted before it."""

    sweep: str
    needed: str
    height: int
    query: str = ""
    scheme: str = "light"
    width: int = WIDTH


SHOTS = {
    "overview": Shot(PHOTOS, FIGURE, 1080),
    "gallery": Shot(PHOTOS, TILE, 980, "kind=forgotten", "dark"),
    "classes": Shot(PHOTOS, FIGURE, 1080),
    "curves": Shot(PHOTOS, FIGURE, 1180),
    "robustness": Shot(DIGITS, FIGURE, 980, scheme="dark"),
    "compare": Shot(PHOTOS, "[data-testid=stDataFrame] canvas", 1180, "other=magnitude-0.90"),
    "attributes": Shot(DIGITS, FIGURE, 980),
    "remedies": Shot(PHOTOS, FIGURE, 1480, "variant=magnitude-0.95"),
    "map": Shot(CLOTHES, ".lethe-map[data-painted]", 980, "color=class"),
    "image": Shot(PHOTOS, FIGURE, 980, "kind=forgotten", "dark"),
    "annotate": Shot(PHOTOS, "h1", 620),
    "export": Shot(PHOTOS, "[data-testid=stDataFrame] canvas", 900),
    "gallery-phone": Shot(PHOTOS, TILE, 1500, "kind=forgotten", width=390),
    "classes-phone": Shot(PHOTOS, FIGURE, 1500, scheme="dark", width=390),
    "curves-tablet": Shot(CLOTHES, FIGURE, 1100, scheme="dark", width=900),
    "overview-tablet": Shot(PHOTOS, FIGURE, 1100, width=900),
    "sweeps": Shot(PHOTOS, "h1", 620),
    "sweeps-import": Shot(PHOTOS, "[data-testid=stFileUploader]", 860, "part=import"),
}
README = Shot(PHOTOS, TILE, 900, "kind=forgotten")


def main() -> None:
    """Draw every page and the two pictures of the README, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m docs.walk")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=", ".join((*SHOTS, "readme")))
    options = parser.parse_args()
    wanted = options.pages or [*SHOTS, "readme"]
    chromium = os.environ.get("LETHE_CHROMIUM") or shutil.which("chromium")
    port = free_port()
    (HERE / "walk").mkdir(exist_ok=True)
    with app(options.cache, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name in wanted:
            address = f"http://127.0.0.1:{port}"
            if name == "readme":
                _save(_drawn(browser, address, "gallery", README), HERE / "gallery.png")
                _save(_strip(browser, address), HERE / "strip.png")
            else:
                picture = _drawn(browser, address, name, SHOTS[name])
                _save(picture, HERE / "walk" / f"{name}.png")
        browser.close()


def _drawn(browser: Browser, address: str, name: str, shot: Shot) -> Image.Image:
    page: Page = browser.new_page(viewport={"width": shot.width, "height": shot.height})
    page.emulate_media(color_scheme="dark" if shot.scheme == "dark" else "light")
    path = name.partition("-")[0]
    path = "" if path == "overview" else path
    page.goto(f"{address}/{path}?sweep={shot.sweep}&{shot.query}")
    page.wait_for_selector(shot.needed, timeout=120_000)
    page.wait_for_function(_NOTHING_IS_LOADING, timeout=120_000)
    page.wait_for_timeout(REST)
    picture = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    return picture.convert("RGB")


def _strip(browser: Browser, address: str) -> Image.Image:
    """Put the upper parts of three pages side by side."""
    width, height = STRIP_SIZE
    strip = Image.new("RGB", (len(STRIP) * (width + GAP) - GAP, height), "white")
    for place, name in enumerate(STRIP):
        shot = replace(SHOTS[name], width=STRIP_VIEW[0], height=STRIP_VIEW[1])
        picture = _drawn(browser, address, name, shot)
        strip.paste(
            picture.resize(STRIP_SIZE, Image.Resampling.LANCZOS), (place * (width + GAP), 0)
        )
    return strip


def _save(picture: Image.Image, path: Path) -> None:
    """Write a picture as small as it gets, with 256 colours where it would be too large."""
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        picture.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
