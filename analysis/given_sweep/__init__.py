"""Sweeps of given models.

``work`` leads: ``inputs`` writes what models are fed, ``runs`` and ``shifts`` predict, and
``manifests`` says what the manifest knows of it.
"""

from analysis.sweep.run import run_given

__all__ = ["run_given"]
