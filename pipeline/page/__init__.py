"""What makes the offline page."""
