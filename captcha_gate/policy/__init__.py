"""From a policy file to a compiled policy: `load` is the way in. Nothing here runs while requests are served."""
