"""The report of a sweep: one HTML page that opens offline, every figure as files, every table.

``scope`` says what is reported, ``drawing`` lists the figures, ``pictures`` writes them, ``tables``
writes the tables, ``gallery``, ``classes`` and ``provenance`` gather what the page says besides,
``page`` renders it and ``folder`` puts all in place, whole or not at all.
"""

from analysis.report.build import Written, write_report

__all__ = ["Written", "write_report"]
