"""What samples say: streaming moments, their errors, regression on controls, the tail."""
