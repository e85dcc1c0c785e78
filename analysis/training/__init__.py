"""Training one run: the loop, pruning while it trains, restoring weights, predicting, measuring."""
