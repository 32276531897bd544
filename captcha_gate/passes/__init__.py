"""What a pass is worth beyond its own request: clearance, forgiveness, redirections. `afterwards` is what it leaves."""
