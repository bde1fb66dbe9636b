"""What the user writes: the spec, its distribution expressions, grids and overrides, and where each stands."""
