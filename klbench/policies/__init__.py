"""Policies over sequences of tokens: a table of states, what makes one, and several that walk together."""
