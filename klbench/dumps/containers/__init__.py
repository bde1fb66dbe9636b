"""Files as records, one by one: a module a container, each found by itself."""
