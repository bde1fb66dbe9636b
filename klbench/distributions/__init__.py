"""Named families of distributions: their declared data, how to build, draw and score them."""
