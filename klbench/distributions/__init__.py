"""Named families of distributions: their declared data, how to build and draw them, their log-densities and scores."""
