"""The report of a sweep: one HTML page that opens offline, with all figures and tables as files.

``scope`` selects variants, ``contents`` sections; ``figures`` lists the figures, ``pictures`` and
``tables`` write files, ``gallery`` selects images, ``page`` renders the page and ``build`` puts
all in place, whole or not at all.
"""

from analysis.report.build import Written, write_report

__all__ = ["Written", "write_report"]
