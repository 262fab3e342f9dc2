"""The country in virtual time: drives the collector's own decisions through years and events, and scores them."""
