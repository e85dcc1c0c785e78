import pytest

from dashboard.gallery.filters import counted, understood

OPTIONS = ["cat", "cat (2)", "dog", "<b>"]


@pytest.mark.parametrize("n", [0, 7, 1234])
@pytest.mark.parametrize("option", OPTIONS)
def test_a_label_is_understood_under_any_earlier_number(option, n):
    label = counted({option: n})(option)
    assert understood(label, OPTIONS) == option


def test_an_option_is_itself_even_where_it_looks_like_a_label():
    assert understood("cat (2)", OPTIONS) == "cat (2)"
    assert understood("cat (3)", OPTIONS) == "cat"


def test_words_and_lists():
    words = {"pies": "PIEs", "all": "All images"}
    assert counted({"pies": 1234}, words)("pies") == "PIEs (1,234)"
    assert understood(["PIEs (12)", "all"], list(words), words) == ("pies", "all")


def test_what_is_no_option_stays():
    assert understood("zebra (3)", OPTIONS) == "zebra (3)"
    assert understood(None, OPTIONS) is None


def test_a_choice_made_while_the_numbers_changed_arrives(tmp_path, monkeypatch):
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from tests.dashboard.test_pages import APP, to_page
    from tests.synthetic import make_sweep

    make_sweep(tmp_path)
    st.cache_resource.clear()
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    app = AppTest.from_file(APP, default_timeout=60).run()
    to_page(app, "gallery")
    app.multiselect(key="widget-class").set_value(["bee (31,415)"]).run()
    assert app.query_params["class"] == "bee"
