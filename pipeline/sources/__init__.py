"""Where images come from, and what they must be."""
