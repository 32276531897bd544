"""What a log record holds: the decision, and nobody's address, not even where a vendor has told it."""

from __future__ import annotations

import json
import logging

import pytest
from support.world import LOGIN, REFUSES, TOKEN, answering, policy_of

CLIENT = "203.0.113.77"
AS_V6 = "2001:db8::77"
TOLD = {
    **REFUSES,
    "captcha_args": {"used_type": "slide", "user_ip": CLIENT, "more": [{"from": AS_V6}, "::ffff:203.0.113.77", 7]},
}


def ours(caplog):
    return [record for record in caplog.records if record.name == "captcha_gate"]


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([LOGIN], 403),
        ([{**LOGIN, "limits": {"failed": "1/m"}}], 429),
        ([{**LOGIN, "mode": "monitor"}], 200),
        ([{**LOGIN, "match": {"path": "/login", "client_ip": f"{CLIENT}/32"}}], 403),
    ],
    ids=["refused", "throttled", "monitored", "matched by address"],
)
def test_no_record_holds_an_address_of_the_clients(world, caplog, rules, status):
    here = world(policy_of(*rules), answering(TOLD))
    with caplog.at_level(logging.DEBUG, logger="captcha_gate"):
        for number in range(2):
            token = {**TOKEN, "lot_number": f"{number:032x}"}
            last = here.post(data=token, client=(CLIENT, 123), headers={"X-Forwarded-For": AS_V6})
    assert last.status_code == status
    records = ours(caplog)
    assert len(records) == 2
    for record in records:
        written = record.getMessage() + json.dumps(record.captcha_gate)
        assert (CLIENT not in written, AS_V6 not in written) == (True, True)
        assert record.captcha_gate["rule"] == "login"


def test_the_rest_of_what_a_vendor_told_is_in_it_and_the_application_sees_all(world, caplog):
    caplog.set_level(logging.INFO, logger="captcha_gate")
    here = world(policy_of({**LOGIN, "mode": "monitor"}), answering(TOLD))
    here.post(data=TOKEN)
    [record] = ours(caplog)
    assert record.captcha_gate["detail"] == {"captcha_args": {"used_type": "slide", "more": [{}, 7]}}
    assert here.seen[0].decision.detail["captcha_args"]["user_ip"] == CLIENT
