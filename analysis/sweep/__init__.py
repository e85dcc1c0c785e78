"""Running sweeps: one engine for models that are trained here and for those made elsewhere.

``run`` leads from a ``source`` of models (``trained``, ``external``) to a finished sweep;
``scheduler`` sends its jobs to the workers (``tasks``, ``worker``), ``shifts`` predicts shifted
images, ``record`` keeps the manifest. ``plan`` and ``estimate`` say what a sweep will do,
``command`` which command makes it, and ``merge`` joins two.
"""
