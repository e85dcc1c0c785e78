"""Running sweeps: one engine for models trained here and for external models.

``run`` turns a ``source`` of models (``trained``, ``external``) into a finished sweep;
``scheduler`` sends jobs to the workers (``tasks``, ``worker``), ``shifts`` predicts shifted images,
``record`` keeps the manifest. ``plan`` lists the runs, ``estimate`` their cost, ``command`` writes
the command of a sweep, and ``merge`` joins two sweeps.
"""
