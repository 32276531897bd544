"""One file per provider, or per family of them. `base` has what they share, `registry` finds them by type."""
