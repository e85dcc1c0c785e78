"""``audit`` in a notebook: models or scores that are in memory become an ordinary sweep.

``given`` checks arrays and labels, ``collect`` runs models over a loader, ``pictures`` makes the
tiles, ``publish`` writes the sweep as an import does, ``found`` is what a notebook gets.
"""
