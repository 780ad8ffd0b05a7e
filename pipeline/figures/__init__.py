"""Every drawing function: arrays in, a Figure out."""
