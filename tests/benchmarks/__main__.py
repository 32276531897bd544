"""`make bench`: prints the table, of all subjects or of those that are named."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import bounds, growth, one_by_one, proof_of_work, starting, through_servers, unmatched, verified
from benchmarks.measure import show

_MODULES = (unmatched, verified, one_by_one, through_servers, bounds, proof_of_work, starting, growth)
_SUBJECTS = {module.__name__.rpartition(".")[2]: module for module in _MODULES}


def main(names: list[str]) -> None:
    """Measure and print."""
    unknown = set(names) - set(_SUBJECTS)
    if unknown:
        sys.exit(f"no such subject: {', '.join(sorted(unknown))} (there are: {', '.join(_SUBJECTS)})")
    sys.stdout.write(f"{os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}\n\n")
    sys.stdout.write("| what | measured | against | ratio | aim |\n|---|---|---|---|---|\n")
    for name in names or _SUBJECTS:
        show(_SUBJECTS[name].rows())


if __name__ == "__main__":
    main(sys.argv[1:])
