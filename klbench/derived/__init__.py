"""Terms derived from an estimator's one function: its gradient, its value in another precision, its clamped share."""
