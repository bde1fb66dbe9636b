"""Measuring a case: exact answers and samples set side by side, row by row, with what the reader should know."""
