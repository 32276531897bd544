"""The command line: one file per sub-command, `main` to find them. Prints no secret and no traceback for a mistake."""
