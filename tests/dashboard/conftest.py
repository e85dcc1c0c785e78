import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect, sync_playwright

from tests.synthetic import make_sweep, with_map

# What happens soon on a quiet machine takes longer where tests run beside each other.
expect.set_options(timeout=60_000)
ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--process-per-site",
)  # fmt: skip
HOSTILE = (
    "<script>window.struck = 1</script>",
    "<img src=x onerror='window.struck = 1'>",
    "**bold**",
    ":red[x] $x^2$",
    "=1+1 & a/b?c#d",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of the tests; a machine without one is told what to install."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("LETHE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail(
            "the browser tests need Chromium or Chrome: install one ('apt install chromium'), or "
            "set LETHE_CHROMIUM to its program"
        )
    return found


# Of a module: two of Playwright's own loops cannot be open in one process.
@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser):
    """What a module's pages share: Streamlit's scripts, fetched and compiled once."""
    opened = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    opened.set_default_timeout(60_000)
    # An empty page of the same site: with it the process that compiled the scripts stays alive.
    opened.standing = opened.new_page()
    opened.standing.route("**", lambda route: route.fulfill(body="", content_type="text/html"))
    opened.standing.goto("http://127.0.0.1/")
    yield opened
    opened.close()


@pytest.fixture
def page(context):
    opened = context.new_page()
    opened.dialogs = []
    opened.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
    yield opened
    for one in context.pages:
        if one is context.standing:
            continue
        with suppress(PlaywrightError):  # A page that was never opened has no storage.
            one.evaluate("() => localStorage.clear()")
        one.close()
    context.clear_cookies()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the running dashboard."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def address(cache: Path) -> Iterator[str]:
    """The address of a running dashboard with three sweeps, ``plain``, ``hostile`` and ``many``."""
    variants = ("magnitude=0.5,0.9,0.95", "int8-static")
    names = [f"class {i}" for i in range(10)]
    with_map(
        make_sweep(cache, "plain", n_images=1500, seeds=4, variants=variants, class_names=names)
    )
    with_map(
        make_sweep(cache, "hostile", n_images=300, seeds=4, variants=variants, class_names=HOSTILE)
    )
    kinds = [f"kind {i:03d}" for i in range(400)]
    make_sweep(cache, "many", n_images=2000, seeds=2, variants=variants, class_names=kinds)
    with serving(cache, free_port()) as (served, _):
        yield served


def free_port() -> int:
    """A port nobody listens at now, and none of those that outgoing connections are given."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


@contextmanager
def serving(
    cache: Path,
    port: int,
    *more: str,
    program: Sequence[str] = (sys.executable, "-m", "dashboard"),
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a dashboard on a cache; give its address and its process."""
    command = [*program, "--cache", str(cache), "--port", str(port), "--headless", *more]
    log = (cache / "dashboard.log").open("wb")
    server = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log)
    try:
        _wait(server, port, cache / "dashboard.log")
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(1200):
        if server.poll() is not None:
            pytest.fail(f"the dashboard ended at once: {log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the dashboard did not answer within two minutes")
