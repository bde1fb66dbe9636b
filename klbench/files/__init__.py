"""Writing files: a single one, or the folder of a run's results as one unit. Only this package writes files."""
