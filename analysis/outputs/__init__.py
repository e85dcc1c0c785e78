"""Interpretation of model outputs: kind of scores, label space, order of classes, predictions."""
