"""The way out: calls to vendors, from the look-up of a name to the reply that was read. `fetch` is what others use."""
