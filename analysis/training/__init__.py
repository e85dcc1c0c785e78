"""Train, prune, restore, predict and measure single runs."""
