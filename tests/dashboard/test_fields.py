"""What a form's fields hold is what their widgets begin with, too.

What a run sets is sent to the browser once, and dropped where the next run begins before that: the
browser then shows, and sends back, what the widget begins with.
"""

import pytest

from dashboard.sweeps.fields import PARTS
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.synthetic import make_sweep

KINDS = (
    "checkbox", "multiselect", "number_input", "radio", "select_slider", "selectbox", "text_area",
    "text_input",
)  # fmt: skip


def begins_with(widget):
    """Read what a browser shows that was told nothing else."""
    default = widget.proto.default
    if widget.type == "number_input":
        return default if widget.proto.HasField("default") else None
    if widget.type == "multiselect":
        return [widget.options[place] for place in default]
    if widget.type == "select_slider":
        return widget.options[int(default[0])]
    if widget.type in ("selectbox", "radio"):
        return widget.options[default]
    return default


def holds(widget):
    """Read what the script takes, as it is shown."""
    if widget.type == "multiselect":
        return [widget.format_func(value) for value in widget.value]
    if widget.type in ("selectbox", "radio", "select_slider"):
        return widget.format_func(widget.value)
    return widget.value


def fields(app, prefix):
    found = [one for kind in KINDS for one in app.get(kind) if (one.key or "").startswith(prefix)]
    return {one.key: (begins_with(one), holds(one)) for one in found}


def check(app, prefix, most=None):
    app.run()  # What the first run has set is not sent a second time.
    seen = fields(app, prefix)
    assert len(seen) >= (most or 4)
    assert {key: first for key, (first, _) in seen.items()} == {
        key: held for key, (_, held) in seen.items()
    }
    return seen


@pytest.mark.parametrize(
    ("part", "prefix"), [("new", "new-sweep-"), ("import", "import-"), ("models", "given-")]
)
def test_fields_of_sweeps_begin_with_what_they_hold(open_page, part, prefix):  # noqa: F811
    assert part in PARTS
    check(open_page("sweeps", part=part), prefix)


def test_a_limit_that_nobody_touched_is_no_zero(open_page):  # noqa: F811
    seen = check(open_page("sweeps", part="models"), "given-")
    assert seen["given-time_limit"] == (60.0, 60.0)


def test_what_was_filled_in_comes_first_when_the_page_is_drawn_again(open_page):  # noqa: F811
    app = open_page("sweeps", part="new")
    app.number_input(key="new-sweep-seeds").set_value(4).run()
    app.text_input(key="new-sweep-levels").set_value("0.3").run()
    app.multiselect(key="new-sweep-quantization").set_value(["int8-dynamic"]).run()
    seen = check(app, "new-sweep-")
    assert seen["new-sweep-seeds"] == (4, 4)
    assert seen["new-sweep-levels"] == ("0.3", "0.3")
    assert len(seen["new-sweep-quantization"][0]) == 1


def test_fields_of_a_study_begin_with_what_they_hold(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path)
    check(open_page("annotate"), "study-")
