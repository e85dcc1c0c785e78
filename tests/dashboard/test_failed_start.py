"""Who is told how a start ended: the visit it came from, or everybody where nobody visited."""

import pytest

from dashboard.sweeps import launch
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.dashboard.test_sweeps import labels, until
from tests.synthetic import make_sweep


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    launch.stop_all()


def test_a_failed_start_is_told_to_its_starter_alone(tmp_path, open_page, monkeypatch):  # noqa: F811
    make_sweep(tmp_path)
    monkeypatch.setattr(launch, "visit", lambda: "hers")
    launch.start(tmp_path, "hers", ["sweep", "--dataset", "folder:/no/such/place"])
    until(lambda: not launch.state().is_running)
    for page in ("", "gallery", "sweeps"):
        app = open_page(page)
        assert "no/such/place" in app.error[0].value.replace("\\", "")
    monkeypatch.setattr(launch, "visit", lambda: "another")
    for page in ("", "gallery", "sweeps"):
        app = open_page(page)
        assert not app.error
        assert not app.code or "no/such/place" not in app.code[0].value
        assert "Dismiss" not in labels(app)
    monkeypatch.setattr(launch, "visit", lambda: "hers")
    assert launch.state().failure


def test_what_the_server_started_by_itself_is_told_to_everybody(tmp_path, open_page, monkeypatch):  # noqa: F811
    monkeypatch.setattr(launch, "visit", lambda: None)
    launch.start(tmp_path, "own", ["sweep", "--dataset", "folder:/no/such/place"])
    until(lambda: not launch.state().is_running)
    monkeypatch.setattr(launch, "visit", lambda: "anybody")
    assert "no/such/place" in open_page().error[0].value.replace("\\", "")
