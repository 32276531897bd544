"""`python -m captcha_gate`, the same as the command `captcha-gate`."""

from __future__ import annotations

import sys

from captcha_gate.cli.main import main

sys.exit(main())
