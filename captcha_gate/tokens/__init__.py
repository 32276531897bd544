"""How token fields are found in a request: `fields` declares, `find` decides where to look, the others read."""
