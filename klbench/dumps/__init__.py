"""Log-probabilities that a run has saved: files and layouts, rows, and rows packed for measuring."""
