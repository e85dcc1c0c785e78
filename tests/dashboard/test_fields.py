"""What the code fills a form in with reaches the browser, also where a run is cut off."""

import pytest
import streamlit as st

from dashboard import state


class Written(dict):
    """Session state that counts the writes of each key; each write is sent to the browser."""

    def __init__(self):
        super().__init__()
        self.n = {}

    def __setitem__(self, key, value):
        self.n[key] = self.n.get(key, 0) + 1
        super().__setitem__(key, value)


@pytest.fixture
def session(monkeypatch):
    written = Written()
    monkeypatch.setattr(st, "session_state", written)
    return written


def test_a_field_of_a_run_that_was_cut_off_is_filled_in_again(session):
    key = state.field("form", "limit", 60.0)
    for n in (2, 3):
        state.tell_again()
        assert state.field("form", "limit", 60.0) == key
        assert session.n[key] == n
    assert session[key] == 60.0


def test_what_was_typed_is_not_written_over(session):
    key = state.field("form", "limit", 60.0)
    dict.__setitem__(session, key, 5.0)
    state.tell_again()
    assert session[key] == 5.0
    state.told()
    state.tell_again()
    state.field("form", "limit", 60.0)
    assert session.n[key] == 2


def test_a_field_that_is_gone_is_left_alone(session):
    key = state.field("form", "limit", 60.0)
    del session[key]
    state.tell_again()
    assert key not in session
