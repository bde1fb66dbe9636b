"""Tests of what estimators are found to be."""
