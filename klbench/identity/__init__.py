"""What an estimator really is: found by measuring it, exactly, and never taken from what it says of itself."""
