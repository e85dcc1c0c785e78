"""``lethe VERB``, and ``lethe dashboard``."""

import sys
from collections.abc import Sequence

_PROGRAM = "lethe"
_DASHBOARD = "dashboard"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb of the analysis, or the dashboard; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [_DASHBOARD]:
        from dashboard.__main__ import main as open_dashboard

        return open_dashboard(words[1:], f"{_PROGRAM} {_DASHBOARD}")
    from analysis.cli.main import main as run_verb

    return run_verb(words, _PROGRAM, {_DASHBOARD: "open the dashboard in the browser"})
