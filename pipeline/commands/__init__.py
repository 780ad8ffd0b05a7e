"""What a user runs beside the stages."""
