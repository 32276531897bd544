"""Measurements against peers and floors of the same run: `make bench`. Tests nothing; pytest does not collect it."""
