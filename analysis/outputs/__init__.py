"""What the outputs of a model mean: which scores they are, of which classes, in which order."""
