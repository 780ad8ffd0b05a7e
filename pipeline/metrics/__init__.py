"""Numbers about predictions and filters."""
