"""The human study: images judged one by one, and the answers of the raters."""
