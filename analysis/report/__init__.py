"""The report of a sweep: one HTML page that opens offline, every figure as files, every table.

``scope`` says what is reported, ``figures`` lists every figure, ``pictures`` writes them,
``tables`` writes the tables, ``gallery`` the images, ``page`` renders the page and ``build`` puts
all in place, whole or not at all.
"""

from analysis.report.build import Written, write_report

__all__ = ["Written", "write_report"]
