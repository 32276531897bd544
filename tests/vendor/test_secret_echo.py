"""A vendor that repeats our own secret, which VAPTCHA is sent as it is: it must show nowhere. Loopback only."""

from __future__ import annotations

import json
import logging

import pytest
from support.live import LiveWorld
from support.world import LOGIN, policy_of

from captcha_gate.testing.vendors import Vaptcha, VaptchaV4

SECRET = "canary5ec2e7canary5ec2e7canary77"
VENDORS = {"vaptcha": lambda: Vaptcha(key=SECRET), "vaptcha-v4": lambda: VaptchaV4(key=SECRET)}
SAID = f"9,unknown secret,{SECRET}"


def refusal(code: int, passes: bool) -> bytes:
    inner = {"code": code, "note": SAID, "result": passes, "vid": SAID}
    return json.dumps({"success": int(passes), "score": 90, "msg": SAID, "code": 0, "data": inner}).encode()


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("vendor_type", VENDORS)
def test_our_secret_stands_in_no_decision_and_no_log_when_the_vendor_repeats_it(kind, vendor_type, passes, caplog):
    caplog.set_level(logging.DEBUG)
    with VENDORS[vendor_type]() as vendor:
        world = LiveWorld(kind, policy_of({**LOGIN, "on_fail": "annotate"}, providers={"it": vendor.account()}))
        try:
            vendor.breaks(lambda connection, _: connection.reply(200, refusal(0 if passes else 1, passes)))
            world.post(data=vendor.solve())
            [decision] = world.decisions
            told = [repr(decision), str(decision.as_dict()), *(str(vars(record)) for record in caplog.records)]
        finally:
            world.settle()
            world.close()
    assert not [text for text in told if SECRET in text]


@pytest.mark.parametrize("vendor_type", VENDORS)
def test_a_header_of_the_vendors_that_repeats_it_is_in_no_log_however_talkative(kind, vendor_type, caplog):
    caplog.set_level(logging.DEBUG)
    with VENDORS[vendor_type]() as vendor:
        world = LiveWorld(kind, policy_of(LOGIN, providers={"it": vendor.account()}))
        try:
            vendor.breaks(lambda connection, _: connection.reply(302, b"", f"Location: /verify?secretkey={SECRET}"))
            world.post(data=vendor.solve())
        finally:
            world.settle()
            world.close()
    assert SECRET not in caplog.text
