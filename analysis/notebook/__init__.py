"""``lethe.audit``: turn models or scores in memory into an ordinary sweep.

``inputs`` checks arrays and labels, ``collect`` runs models over a loader, ``pictures`` makes the
thumbnails, ``audit`` writes the sweep as an import does, ``result`` is returned to the notebook.
"""
