"""What the gate says itself: refusals as problem details or pages, in the language of whoever is refused."""
