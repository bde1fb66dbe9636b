"""The families themselves, one file for each sort of support."""
