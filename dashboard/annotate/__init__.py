"""The human study: images asked about one by one, and what people said of them."""
