"""The long tail of the data, rotated by the form of a sweep that is trained here."""

import pytest

from dashboard.sweeps import fields, train_form
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.dashboard.test_sweeps import FILLED


def test_the_form_rotates_the_tail_of_data_that_have_one_and_of_no_others():
    ticked = FILLED | {"rotate_tail": True}
    assert "--rotate-tail" not in fields.words(fields.options(ticked))
    given = fields.options(ticked | {"kind": "digits-longtail"})
    assert "--rotate-tail" in fields.words(given)
    assert fields.checked(given).rotate_tail


@pytest.fixture
def form(monkeypatch, open_page):  # noqa: F811
    monkeypatch.setattr(train_form, "model_names", lambda: list(train_form.USUAL))
    return open_page("sweeps")


def test_the_tick_is_there_for_data_with_a_tail_and_changes_the_command(form):
    assert not form.checkbox("new-sweep-rotate_tail").disabled
    form.checkbox("new-sweep-rotate_tail").check().run()
    assert "--rotate-tail" in form.code[-1].value
    form.selectbox("new-sweep-kind").set_value("digits").run()
    assert form.checkbox("new-sweep-rotate_tail").disabled
    assert "--rotate-tail" not in form.code[-1].value
    assert not form.exception
