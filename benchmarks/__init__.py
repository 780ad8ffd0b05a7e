"""Benchmarks: the pipeline and its network against what one would otherwise use, in alternating pairs."""
