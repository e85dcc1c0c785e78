"""The wheel, installed into a folder of its own: nothing of the checkout is needed to run it."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.browsing import painted
from tests.dashboard.conftest import browser, chromium, free_port, serving  # noqa: F401
from tests.synthetic import make_sweep

ROOT = Path(__file__).parents[1]
PACKAGES = ("analysis", "dashboard", "lethe")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z0-9,]+\])?==(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Installed:
    """Where the wheel was put, and an empty folder elsewhere to work in."""

    place: Path
    elsewhere: Path

    @property
    def lethe(self) -> str:
        found = shutil.which("lethe", path=self.place / "bin")
        assert found, sorted(path.name for path in self.place.iterdir())
        return found

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.place), "PYTHONSAFEPATH": "1"}

    def run(self, *command: str, **more: str) -> str:
        environment = self.environment | more
        done = subprocess.run(
            command, cwd=self.elsewhere, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _pip(*words: str | Path) -> None:
    done = subprocess.run([*PIP, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy: what an earlier build left in the checkout cannot slip in."""
    source = tmp_path_factory.mktemp("source")
    for path in ROOT.iterdir():
        if path.suffix in (".toml", ".txt") or path.name in ("README.md", "LICENSE"):
            shutil.copy(path, source)
    for name in (*PACKAGES, "requirements"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, source)
    (made,) = out.glob("lethe-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel installed; what it depends on is what the tests run with."""
    place = tmp_path_factory.mktemp("installed")
    _pip("install", "--no-deps", "--no-index", "--target", place, wheel)
    return Installed(place, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def made_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    make_sweep(cache, "made", seeds=3)
    return cache


# --- what is in it ------------------------------------------------------------------------------
def _files_of_the_checkout() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name != "secrets.toml":
                yield path.relative_to(ROOT).as_posix()


def test_every_file_of_the_packages_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == set(_files_of_the_checkout())


def _pins(*names: str) -> dict[str, str]:
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
    return {re.sub(r"[-_.]+", "-", name).lower(): pin for name, pin in PINNED.findall(text)}


def test_what_it_depends_on_is_what_the_requirement_files_pin(installed: Installed) -> None:
    (found,) = importlib.metadata.distributions(name="lethe", path=[str(installed.place)])
    extras = found.metadata.get_all("Provides-Extra") or []
    assert set(extras) == {"dask", "hf", "auth", "tflite", "openvino", "transformers", "dev"}
    needed = {
        (line.partition(";")[0].strip().lower(), ";" in line) for line in found.requires or ()
    }
    always = {f"{name}=={pin}" for name, pin in _pins("requirements.txt").items()}
    assert {line for line, is_extra in needed if not is_extra} == always
    optional = _pins(*(f"requirements/{name}.txt" for name in extras))
    named = {re.sub(r"\[.*\]", "", line) for line, is_extra in needed if is_extra}
    assert named == {f"{name}=={pin}" for name, pin in optional.items()}


def test_the_constraints_pin_what_the_requirement_files_do_not() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert all(PINNED.fullmatch(line) for line in pinned)
    files = ["requirements.txt", *(f"requirements/{p.name}" for p in ROOT.glob("requirements/*"))]
    assert not _pins("constraints.txt").keys() & _pins(*files).keys()
    assert "-c constraints.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_lock_holds_the_pinned_versions_and_a_hash_of_every_file() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line.split() for line in lock.splitlines() if line and not line.startswith("#")]
    locked = {}
    for requirement, *hashes in entries:
        name, _, version = requirement.partition("==")
        locked[re.sub(r"[-_.]+", "-", name).lower()] = version.partition("+")[0]
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)
    files = [f"requirements/{path.name}" for path in ROOT.glob("requirements/*")]
    pinned = _pins("requirements.txt", "constraints.txt", *files)
    assert locked == {name: version for name, version in pinned.items() if name in locked}
    assert _pins("requirements.txt", *files).keys() <= locked.keys()
    build = (ROOT / "requirements-build.lock").read_text(encoding="utf-8").splitlines()[1:]
    assert "\n".join(build) in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "make locked" in (ROOT / ".ci/run").read_text(encoding="utf-8")


# --- run from elsewhere -------------------------------------------------------------------------
_IMPORTED = """
import sys, lethe
assert not {"torch", "pandas", "streamlit"} & sys.modules.keys(), "loaded before it is used"
print(lethe.__file__)
for name in lethe.__all__:
    assert getattr(lethe, name) is not None
assert set(lethe.__all__) <= set(dir(lethe))
assert not hasattr(lethe, "nothing_of_this_name")
"""


def test_it_is_imported_from_where_it_was_installed_and_loads_nothing_before_it_is_used(
    installed: Installed,
) -> None:
    printed = installed.run(sys.executable, "-c", _IMPORTED)
    assert Path(printed.strip()) == installed.place / "lethe" / "__init__.py"


def test_the_command_lists_its_verbs_and_the_dashboard(installed: Installed) -> None:
    assert installed.run(installed.lethe, "--version").split() == ["lethe", "0.1.0"]
    told = installed.run(installed.lethe, "--help")
    assert told.startswith("usage: lethe ")
    for verb in ("sweep", "export", "report", "dashboard"):
        assert re.search(rf"^ +{verb}\b", told, re.MULTILINE)
    assert installed.run(installed.lethe, "dashboard", "--help").startswith("usage: lethe dash")
    told = installed.run(sys.executable, "-m", "analysis", "show", "--help")
    assert told.startswith("usage: python -m analysis show ")


def test_sweeps_are_listed_and_reported_with_its_templates(
    installed: Installed, made_cache: Path, tmp_path: Path
) -> None:
    printed = installed.run(installed.lethe, "list", "--cache", str(made_cache))
    assert printed.startswith("made: 12 of 12 runs")
    # A few figures do: where there is a browser they are drawn, with the font of the wheel.
    report = ("report", "made", "--out", str(tmp_path / "report"), "--section", "pies")
    installed.run(installed.lethe, *report, "--cache", str(made_cache))
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    style = (ROOT / "analysis" / "report" / "templates" / "report.css").read_text(encoding="utf-8")
    assert style.splitlines()[0] in page
    assert "<figure" in page


def test_the_gallery_opens_with_its_theme_styles_and_scripts(
    installed: Installed,
    made_cache: Path,
    browser: Browser,  # noqa: F811
) -> None:
    program = (installed.lethe, "dashboard")
    where = {"cwd": installed.elsewhere, "env": installed.environment}
    with serving(made_cache, free_port(), program=program, **where) as (address, _):  # type: ignore[arg-type]
        page = browser.new_page(color_scheme="dark")
        page.goto(f"{address}/gallery?sweep=made&population=all")
        assert painted(page, 60)
        theme = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text())
        dark = theme["theme"]["dark"]["backgroundColor"].lstrip("#")
        asked = "rgb({}, {}, {})".format(*bytes.fromhex(dark))
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", asked)
        expect(page.get_by_test_id("stMainBlockContainer")).to_have_css("padding-left", "40px")
        page.close()
