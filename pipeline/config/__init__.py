"""The settings, checked and frozen; paths, errors, the repository."""
