"""The identity of an estimator: what it really estimates and descends, measured exactly, not as it is declared."""
