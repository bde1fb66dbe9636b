"""Log-probabilities that a run has saved, held to plain NumPy and to the text of the design."""
