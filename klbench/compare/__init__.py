"""Two results side by side: what is the same, what differs, by how many errors."""
