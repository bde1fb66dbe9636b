"""What a run is shown as: one table of columns (``columns``), and every output following it."""
