"""Measuring a case: a row for each thing measured, the exact numbers beside the sampled ones, and the notes."""
