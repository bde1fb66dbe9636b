"""The KL estimators that frameworks ship, under their own names: data, and a few short functions."""
