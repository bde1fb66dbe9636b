"""What stands in the records of each framework: a module a layout or a few, each found by itself."""
