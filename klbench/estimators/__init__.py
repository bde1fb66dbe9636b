"""Estimators: one topic a file, theory paragraph on top. ``catalogue`` finds them by name."""
