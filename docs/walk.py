"""Draw docs/walk/*.png and docs/gallery.png: every page of the dashboard, with the demo sweep.

Run from the project's folder, with the demo in the cache: ``python -m docs.walk [--cache DIR]``.
Chromium is found as the benchmarks find it (``LETHE_CHROMIUM`` names another).
"""

import argparse
import os
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.gallery import FLAGS, app, free_port

HERE = Path(__file__).parent
# Page, what is asked of it, colour scheme, height, and what must be there before the picture.
FIGURE, TILE = ".js-plotly-plot .main-svg", "[data-testid=gallery-tile] img"
PAGES = {
    "overview": ("", "light", 1080, FIGURE),
    "gallery": ("", "dark", 980, TILE),
    "classes": ("", "light", 1080, FIGURE),
    "curves": ("of=value&attribute=planted&of_value=blur", "light", 1180, FIGURE),
    "robustness": ("", "dark", 980, FIGURE),
    "compare": ("other=int8-static", "light", 1180, FIGURE),
    "attributes": ("", "light", 980, FIGURE),
    "image": ("", "dark", 980, FIGURE),
    "annotate": ("", "light", 620, "h1"),
    "export": ("", "light", 900, "[data-testid=stDataFrame] canvas"),
    "sweeps": ("", "light", 620, "h1"),
    "sweeps-import": ("part=import", "light", 960, "[data-testid=stFileUploader]"),
}
WIDTH, REST = 1280, 3000


def main() -> None:
    """Draw every page."""
    parser = argparse.ArgumentParser(prog="python -m docs.walk")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    cache = parser.parse_args().cache
    chromium = os.environ.get("LETHE_CHROMIUM") or shutil.which("chromium")
    port = free_port()
    (HERE / "walk").mkdir(exist_ok=True)
    with app(cache, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, (asked, scheme, height, needed) in PAGES.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            path = "" if name == "overview" else name.partition("-")[0]
            page.goto(f"http://127.0.0.1:{port}/{path}?sweep=demo&{asked}")
            _draw(page, needed, HERE / "walk" / f"{name}.png")
            page.close()
        page = browser.new_page(viewport={"width": WIDTH, "height": 860})
        page.goto(f"http://127.0.0.1:{port}/gallery?sweep=demo")
        _draw(page, TILE, HERE / "gallery.png")
        browser.close()


def _draw(page: Page, needed: str, target: Path) -> None:
    page.wait_for_selector(needed, timeout=60_000)
    page.wait_for_timeout(REST)
    page.screenshot(path=target)
    with Image.open(target) as picture:
        picture.convert("RGB").save(target, optimize=True)
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
