"""Writing files: one alone, or the folder of a run's results as one unit. The only part of klbench that writes any."""
