"""Who measures the blocks of a run: threads of this process, or workers on other machines. No number depends on it."""
