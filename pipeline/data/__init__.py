"""Formats, atomic writing, and the prepared splits."""
