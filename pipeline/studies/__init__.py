"""Studies: from a question in a file, by many trials, to a verdict with its uncertainty."""
