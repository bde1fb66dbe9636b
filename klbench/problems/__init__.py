"""Where log-probabilities come from."""
