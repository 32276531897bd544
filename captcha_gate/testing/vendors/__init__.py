"""Stand-ins of the vendors' servers on loopback, as strict as their documents. For tests and demos, protects nothing.

from captcha_gate.testing.vendors import GeetestV4, faults

with GeetestV4() as vendor:
    policy = load_policy({"version": 1, "providers": {"cn": vendor.account()}, "rules": [...]})
    ...                                             # put the gate in front of an application
    client.post("/login", data=vendor.solve())              # 200: a person solved it
    client.post("/login", data=vendor.solve(passes=False))  # 403: a bot did not
    vendor.breaks(faults.hang)                              # 503, or what `on_unavailable` says
    vendor.recovers()
    vendor.received                                         # each request of the gate as it came
"""

from __future__ import annotations

from captcha_gate.testing.vendors import faults
from captcha_gate.testing.vendors.geetest_v3 import GeetestV3
from captcha_gate.testing.vendors.geetest_v4 import GeetestV4
from captcha_gate.testing.vendors.vaptcha import Vaptcha
from captcha_gate.testing.vendors.vaptcha_v4 import VaptchaV4
from captcha_gate.testing.vendors.yunpian import Yunpian

__all__ = ["GeetestV3", "GeetestV4", "Vaptcha", "VaptchaV4", "Yunpian", "faults"]
