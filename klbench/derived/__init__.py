"""What is derived from an estimator's one function: its gradient, its value in another precision, what clamps hold."""
