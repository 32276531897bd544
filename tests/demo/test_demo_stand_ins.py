"""The demo with each vendor, over real sockets: what its stand-in hands out, and what the gate makes of it."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest

from captcha_gate.demo.sites import SITES
from captcha_gate.testing import vendors

PERSON = {"username": "ada", "password": "correct horse"}


def ask(demo: Any, method: str, path: str, **kwargs: Any) -> httpx.Response:
    return httpx.request(method, f"{demo.url}{path}", headers={"Accept": "text/html"}, **kwargs)


def challenge_of(demo: Any) -> dict[str, Any]:
    """What the page sends of the gate's challenge, where the vendor has challenges."""
    if demo.site.type != "geetest-v3":
        return {"challenge": "", "offline": False}
    told = ask(demo, "GET", "captcha-gate/geetest/challenge").json()
    return {"challenge": told["challenge"], "offline": not told["success"]}


def solve(demo: Any, *, passes: bool = True) -> dict[str, str]:
    response = ask(demo, "POST", "stand-in/solve", json={"passes": passes, **challenge_of(demo)})
    assert response.status_code == 200
    return response.json()


def set_outage(demo: Any, *, down: bool) -> None:
    assert ask(demo, "POST", "stand-in/outage", json={"down": down}).json() == {"down": down}


def send(demo: Any, token: dict[str, str], path: str = "login") -> httpx.Response:
    return ask(demo, "POST", path, data={**PERSON, **token})


def test_each_stand_in_has_its_row_and_each_row_its_policy() -> None:
    played = {site.vendor for site in SITES.values() if site.vendor}
    assert played == {getattr(vendors, name) for name in vendors.__all__ if name != "faults"}
    assert all(f"    type: {site.type}\n" in site.policy.read_text(encoding="utf-8") for site in SITES.values())


def test_the_page_says_who_plays_and_shows_the_policy_in_force_without_a_secret(played: Any) -> None:
    response = ask(played, "GET", "")
    text = html.unescape(response.text)
    assert f"<strong>{played.site.title},</strong> played by a stand-in" in text
    assert played.site.policy.read_text(encoding="utf-8").strip() in text
    with played.site.vendor() as vendor:
        account = vendor.account()
    assert [key for key, value in account.items() if key.endswith("key") and str(value) in text] == []


def test_the_page_is_served_with_the_strict_policy_and_has_nothing_inline(played: Any) -> None:
    response = ask(played, "GET", "")
    assert response.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "style=" not in response.text
    assert "<style" not in response.text
    assert re.findall("<script.*?>", response.text) == ['<script type="module" src="/static/stand-in.js">']


def test_a_pass_is_let_in_and_sees_the_decision(played: Any) -> None:
    response = send(played, solve(played))
    assert response.status_code == 200
    assert 'Welcome, <span class="user">ada</span>' in response.text
    assert "<code>passed</code>" in response.text
    assert 'class="verdict verified"' in response.text
    assert PERSON["password"] not in response.text
    assert played.last == ("passed", "ok")


def test_a_fail_is_refused_with_the_page_of_the_gate(played: Any) -> None:
    response = send(played, solve(played, passes=False))
    assert response.status_code == 403
    assert "CAPTCHA not accepted" in response.text
    assert played.last == ("failed", "invalid_token")


def test_the_token_can_be_sent_again_from_the_page_and_is_refused_then(played: Any) -> None:
    token = solve(played)
    page = send(played, token).text
    offered = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page))
    assert {name: html.unescape(value) for name, value in offered.items()} == {"username": "ada", **token}
    response = send(played, token)
    assert response.status_code == 403
    assert "replayed" in response.text
    assert played.last == ("failed", "replayed")


def test_nothing_sent_is_refused(played: Any) -> None:
    assert send(played, {}).status_code == 403
    assert played.last == ("missing", "missing_token")


def test_in_an_outage_the_login_stays_closed(played: Any) -> None:
    token = solve(played)
    set_outage(played, down=True)
    response = send(played, token)
    assert response.status_code == 503
    assert played.last == ("unavailable", "provider_error")


def test_in_an_outage_the_newsletter_opens_and_says_that_it_is_unverified(played: Any) -> None:
    set_outage(played, down=True)
    response = send(played, solve(played), "newsletter")
    assert response.status_code == 200
    assert "unverified" in response.text
    assert 'class="verdict opened"' in response.text
    assert 'action="/newsletter"' in response.text
    assert (played.decisions[-1].opened, played.decisions[-1].verified) == (True, False)


def test_a_vendor_that_answered_just_now_is_not_believed_to_be_down(played: Any) -> None:
    assert send(played, solve(played), "newsletter").status_code == 200
    token = solve(played)
    set_outage(played, down=True)
    assert send(played, token, "newsletter").status_code == 503


def test_a_token_that_an_outage_refused_is_good_when_the_vendor_is_back(played: Any) -> None:
    token = solve(played)
    set_outage(played, down=True)
    assert send(played, token).status_code == 503
    set_outage(played, down=False)
    assert send(played, token).status_code == 200


def test_a_page_that_is_loaded_in_an_outage_says_so(played: Any) -> None:
    assert 'data-down="false"' in ask(played, "GET", "").text
    set_outage(played, down=True)
    assert 'data-down="true"' in ask(played, "GET", "").text


@pytest.mark.parametrize("played", ["geetest-v3"], indirect=True)
class TestGeetestV3:
    """What its script does that no other does: it asks the gate for a challenge, and answers alone in an outage."""

    def test_the_challenge_is_an_offline_one_in_an_outage(self, played: Any) -> None:
        assert challenge_of(played)["offline"] is False
        set_outage(played, down=True)
        assert challenge_of(played)["offline"] is True

    def test_an_answer_given_offline_proves_nothing(self, played: Any) -> None:
        set_outage(played, down=True)
        assert send(played, solve(played)).status_code == 503
        assert played.last == ("unavailable", "offline")

    def test_failing_offline_is_refused(self, played: Any) -> None:
        set_outage(played, down=True)
        assert send(played, solve(played, passes=False), "newsletter").status_code == 403
        assert played.last == ("failed", "invalid_token")

    def test_a_challenge_that_the_vendor_did_not_make_is_not_solved(self, played: Any) -> None:
        asked = {"passes": True, "challenge": "0" * 32, "offline": False}
        assert ask(played, "POST", "stand-in/solve", json=asked).status_code == 400


@pytest.mark.parametrize("played", ["yunpian"], indirect=True)
class TestAskingTheStandIn:
    """The page's own requests to it."""

    @pytest.mark.parametrize(
        "sent", [b"", b"{", b"[]", b"{}", b'{"down": 1}', b'{"down": true, "up": true}', b"\xff", b"[" * 9999]
    )
    def test_what_is_not_understood_changes_nothing(self, played: Any, sent: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        assert httpx.post(f"{played.url}stand-in/outage", content=sent, headers=headers).status_code == 400
        assert 'data-down="false"' in ask(played, "GET", "").text

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
    def test_what_a_page_of_another_site_can_send_is_refused(self, played: Any, kind: str) -> None:
        headers = {"Content-Type": kind}
        response = httpx.post(f"{played.url}stand-in/outage", content=b'{"down": true}', headers=headers)
        assert response.status_code == 415

    @pytest.mark.parametrize("path", ["stand-in/solve", "stand-in/outage"])
    def test_it_is_asked_with_post_only(self, played: Any, path: str) -> None:
        assert ask(played, "GET", path).status_code == 405

    @pytest.mark.parametrize("path", ["login", "newsletter"])
    def test_the_addresses_of_the_form_lead_to_the_form(self, played: Any, path: str) -> None:
        response = ask(played, "GET", path)
        assert (response.status_code, response.headers["location"]) == (303, "/")
