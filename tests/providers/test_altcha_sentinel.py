"""ALTCHA Sentinel's signed payloads: what passes, what is claimed, and the vendor's own library of the same mind."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import altcha
import httpx
import pytest
from support.sentinel import SENTINEL_SECRET, signed
from support.world import World, policy_of

from captcha_gate import PolicyError, Verdict
from captcha_gate.providers.altcha_sentinel import AltchaSentinel
from captcha_gate.providers.context import Context

NOW = float(int(time.time()))
TOLD = {
    "classification": "GOOD",
    "expire": int(NOW) + 60,
    "id": "v_0123456789",
    "score": "1.5",
    "time": int(NOW) - 3,
    "verified": "true",
}


def account(**keys: Any) -> AltchaSentinel:
    return AltchaSentinel(type="altcha-sentinel", secret=SENTINEL_SECRET, **keys)


def verdict_of(field: str, now: float = NOW, **keys: Any) -> Verdict:
    flow = account(**keys).verify({"altcha": field}, Context(now=now, token_hex=lambda size: "00" * size))
    with pytest.raises(StopIteration) as end:
        next(flow)
    return end.value.value


def test_what_the_server_signed_passes_and_is_told():
    verdict = verdict_of(signed(TOLD, SENTINEL_SECRET))
    assert (verdict.outcome, verdict.issued_at.timestamp()) == ("passed", NOW - 3)
    assert dict(verdict.detail) == {"classification": "GOOD", "score": "1.5"}


@pytest.mark.parametrize("algorithm", ["SHA-256", "SHA-384", "SHA-512"])
def test_only_the_accounts_own_algorithm_counts(algorithm):
    field = signed(TOLD, SENTINEL_SECRET, algorithm)
    assert verdict_of(field, algorithm=algorithm).outcome == "passed"
    other = "SHA-512" if algorithm == "SHA-256" else "SHA-256"
    assert verdict_of(field, algorithm=other).provider_reason == "wrong signature"


FIELDS = {
    "as it was signed": signed(TOLD, SENTINEL_SECRET),
    "another secret": signed(TOLD, "sec_another"),
    "expired": signed({**TOLD, "expire": int(NOW) - 5}, SENTINEL_SECRET),
    "inner no": signed({**TOLD, "verified": "false"}, SENTINEL_SECRET),
    "inner nothing": signed({name: value for name, value in TOLD.items() if name != "verified"}, SENTINEL_SECRET),
    "outer no": signed(TOLD, SENTINEL_SECRET, verified=False),
    "signature cut": signed(TOLD, SENTINEL_SECRET, signature=""),
    "other data": signed(TOLD, SENTINEL_SECRET, verificationData="verified=true&id=x&expire=9999999999"),
    "no payload": base64.b64encode(b"{}").decode(),
    "no JSON": base64.b64encode(b"\xff{").decode(),
    "test": base64.b64encode(b'{"challenge":null,"solution":null,"test":true}').decode(),
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_vendors_library_is_of_the_same_mind(name):
    theirs = altcha.verify_server_signature(FIELDS[name], SENTINEL_SECRET)
    assert (verdict_of(FIELDS[name]).outcome == "passed") is theirs.verified is (name == "as it was signed")


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (FIELDS["another secret"], "invalid_token"),
        (FIELDS["expired"], "expired"),
        (FIELDS["inner no"], "invalid_token"),
        (FIELDS["outer no"], "invalid_token"),
        (FIELDS["no payload"], "malformed_token"),
        (FIELDS["no JSON"], "malformed_token"),
        (FIELDS["test"], "malformed_token"),
        (signed(TOLD, SENTINEL_SECRET, verified="true"), "invalid_token"),
        (signed(TOLD, SENTINEL_SECRET, verified=1), "invalid_token"),
        (signed({**TOLD, "verified": "True"}, SENTINEL_SECRET), "invalid_token"),
        (signed({**TOLD, "verified": "1"}, SENTINEL_SECRET), "invalid_token"),
        (signed({**TOLD, "expire": "never"}, SENTINEL_SECRET), "malformed_token"),
        (signed({**TOLD, "id": ""}, SENTINEL_SECRET), "malformed_token"),
        (signed("expire=9999999999&id=a&id=b&verified=true", SENTINEL_SECRET), "malformed_token"),
        (signed("verified=false&expire=9999999999&id=a&verified=true", SENTINEL_SECRET), "malformed_token"),
        (signed("expire=9999999999;id=a", SENTINEL_SECRET), "malformed_token"),
        (signed(TOLD, SENTINEL_SECRET, signature=None), "malformed_token"),
        (signed(TOLD, SENTINEL_SECRET, signature="\u00e9"), "malformed_token"),
        (signed(TOLD, SENTINEL_SECRET, algorithm="MD5"), "invalid_token"),
        (base64.b64encode(b"[" * 5000).decode(), "malformed_token"),
    ],
)
def test_everything_else_is_the_tokens_fault(field, reason):
    verdict = verdict_of(field)
    assert (verdict.outcome, verdict.reason) == ("failed", reason)


@pytest.mark.parametrize("relying", [{"fields": "email,text"}, {"fieldsHash": "ab" * 32}])
def test_a_payload_that_relies_on_form_fields_is_refused_for_they_are_not_compared(relying):
    assert "form fields" in verdict_of(signed({**TOLD, **relying}, SENTINEL_SECRET)).provider_reason
    assert verdict_of(signed({**TOLD, "fields": "", "fieldsHash": ""}, SENTINEL_SECRET)).outcome == "passed"


def test_what_is_claimed_is_the_signed_id_and_not_the_one_beside_it(kind):
    provider, context = account(), Context(now=NOW, token_hex=lambda size: "00" * size)
    first = provider.claimed({"altcha": signed(TOLD, SENTINEL_SECRET)}, context)
    again = provider.claimed({"altcha": signed(TOLD, SENTINEL_SECRET, id="another", apiKey="key_1")}, context)
    assert first == again == ("v_0123456789", 120.0)
    world = World(kind, policy_of(providers={"s": settings()}), lambda request: httpx.Response(500))
    statuses = [
        world.post(data={"altcha": signed(TOLD, SENTINEL_SECRET, id=beside)}).status_code for beside in ("a", "b")
    ]
    assert (statuses, world.asked, world.decisions[-1].reason) == ([200, 403], [], "replayed")


def settings(**keys: Any) -> dict[str, Any]:
    return {"type": "altcha-sentinel", "secret": SENTINEL_SECRET, **keys}


def test_the_secret_is_in_no_name_and_a_short_one_is_warned_of():
    assert SENTINEL_SECRET not in repr(account()) + account().account()
    [warning] = policy_of(providers={"s": settings(secret="short")}).warnings
    assert warning.startswith("providers.s.secret: is short enough to be guessed")
    with pytest.raises(PolicyError, match=r"algorithm: expected 'SHA-256', 'SHA-384' or 'SHA-512'"):
        policy_of(providers={"s": settings(algorithm="SHA-1")})


def test_the_payload_is_json_in_base_64_as_the_widget_writes_it():
    document = json.loads(base64.b64decode(signed(TOLD, SENTINEL_SECRET)))
    assert sorted(document) == ["algorithm", "signature", "verificationData", "verified"]
    assert account().accepts({"altcha": signed(TOLD, SENTINEL_SECRET)})
