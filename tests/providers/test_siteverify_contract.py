"""Every type of the siteverify family keeps the contract of providers, and claims its tokens for long enough."""

from __future__ import annotations

import pytest
from support.siteverify import ACCOUNTS, account, context, response, token_of

from captcha_gate.providers.registry import known_types, provider_class
from captcha_gate.providers.siteverify import SiteverifyProvider
from captcha_gate.testing import ProviderContract

#: For each type: a reply that passes, one that refuses, the names that decide.
REPLIES = {
    "turnstile": ("passed-managed", "failed-invalid-input-response", ("success",)),
    "hcaptcha": ("passed-enterprise-safe", "failed-invalid-input-response", ("success",)),
    "recaptcha-v2": ("passed-checkbox", "failed-invalid-input-response", ("success",)),
    "recaptcha-v3": ("passed-human", "failed-invalid-input-response", ("success",)),
    "recaptcha-enterprise": ("passed-human", "failed-malformed", ("tokenProperties", "tokenProperties.valid")),
    "friendly-v2": ("passed-without-risk-intelligence", "failed-response_invalid", ("success",)),
    "friendly-v1": ("passed-solution", "failed-solution_invalid", ("success",)),
    "cap": ("passed-token", "failed-token-not-found", ("success",)),
    "mcaptcha": ("passed-valid", "failed-not-valid", ("valid",)),
    "prosopo": ("passed-verified", "failed-not-verified", ("verified",)),
    "yandex": ("passed-ok", "failed-bot", ("status",)),
    "captchafox": ("passed-ok", "failed-invalid-input-response", ("success",)),
    "mtcaptcha": ("passed-solved", "failed-invalid-token", ("success",)),
    "private-captcha": ("passed-ok", "failed-invalid", ("success", "code")),
    "siteverify": ("passed-all-it-describes", "failed-unknown", ("ok",)),
}
FACTS = sorted(name for name in dir(ProviderContract) if name.startswith("test_"))


def contract_of(kind: str) -> ProviderContract:
    passes, refuses, decisive = REPLIES[kind]
    attributes = {
        "provider": account(kind),
        "token": token_of(kind),
        "passes": response(kind, passes),
        "refuses": response(kind, refuses),
        "decisive": decisive,
    }
    made = type("Contract", (ProviderContract,), attributes)()
    assert isinstance(made, ProviderContract)
    return made


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize("fact", FACTS)
def test_it_keeps_the_contract(kind, fact):
    getattr(contract_of(kind), fact)()


def test_no_type_of_the_family_is_forgotten_here():
    family = [kind for kind in known_types() if issubclass(provider_class(kind), SiteverifyProvider)]
    assert sorted(REPLIES) == sorted(ACCOUNTS) == family


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_a_token_is_remembered_for_longer_than_its_vendor_accepts_it(kind):
    provider = account(kind)
    claimed = provider.claimed(token_of(kind), context())
    assert claimed.ttl >= max(1.5 * provider.vendor.lifetime, 300)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_two_site_keys_are_two_accounts(kind):
    assert account(kind).account_id == account(kind).account_id
    assert account(kind).account_id != account(kind, site_key="another").account_id
