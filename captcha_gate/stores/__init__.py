"""Shared state: which tokens were used, how often something happened. `base` says what a store must do."""
