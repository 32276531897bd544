"""The ids of accounts, as they are copied from a vendor's console: with blanks around them, or masked."""

from __future__ import annotations

import httpx
import pytest
from support.world import policy_of

from captcha_gate import PolicyError
from captcha_gate.providers.context import Context

CONTEXT = Context(now=1_700_000_000.0, token_hex=lambda size: "0f" * size)
#: The keys of each type that are ids, and a whole account.
ACCOUNTS = {
    "geetest-v3": (["captcha_id"], {"captcha_id": "an-id", "private_key": "a-key"}),
    "geetest-v4": (["captcha_id"], {"captcha_id": "an-id", "captcha_key": "a-key"}),
    "yunpian": (["captcha_id", "secret_id"], {"captcha_id": "an-id", "secret_id": "another", "secret_key": "a-key"}),
    "yidun": (["captcha_id", "secret_id"], {"captcha_id": "an-id", "secret_id": "another", "secret_key": "a-key"}),
    "aliyun": (["scene_id"], {"access_key_id": "an-id", "access_key_secret": "a-key", "scene_id": "a-scene"}),
    "hcaptcha": (["site_key"], {"site_key": "an-id", "secret": "a-key"}),
    "vaptcha": (["vid"], {"vid": "an-id", "key": "a-key"}),
    "vaptcha-v4": (["vid"], {"vid": "an-id", "key": "a-key", "verify": "remote"}),
}
IDS = [(kind, name) for kind, (names, _) in ACCOUNTS.items() for name in names]


def account(kind: str, **keys: object) -> object:
    return policy_of(providers={"it": {"type": kind, **ACCOUNTS[kind][1], **keys}}).providers["it"]


@pytest.mark.parametrize(("kind", "name"), IDS)
def test_blanks_around_an_id_are_no_part_of_it(kind, name):
    copied = account(kind, **{name: "  the-id\t\n"})
    assert copied == account(kind, **{name: "the-id"})
    assert copied.account_id == account(kind, **{name: "the-id"}).account_id
    asked = next(request for request in copied.verify(copied.probe_fields(CONTEXT), CONTEXT) if is_request(request))
    told = f"{asked.url} {asked.content.decode()}"
    assert "the-id" in told
    assert not any(blank in told for blank in ("%09", "%0A", "\\t", "++the-id"))


def is_request(asked: object) -> bool:
    return isinstance(asked, httpx.Request)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("647f5e***bb71", r"copied masked, with asterisks in it \(copy it unmasked\)"),
        ("********", "copied masked"),
        (" \t ", "expected text"),
        ("", "expected text"),
        (5, "expected text"),
    ],
)
@pytest.mark.parametrize(("kind", "name"), IDS)
def test_an_id_that_is_masked_or_blank_is_an_error(kind, name, value, told):
    with pytest.raises(PolicyError, match=rf"providers\.it\.{name}: .*{told}"):
        account(kind, **{name: value})
