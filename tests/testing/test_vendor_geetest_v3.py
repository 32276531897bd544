"""The stand-in of GeeTest v3 answers as the documents say, to the letter, and passes each challenge once."""

from __future__ import annotations

import hashlib
import hmac
import re

import httpx
import pytest

from captcha_gate.testing.vendors import GeetestV3, faults
from captcha_gate.testing.vendors.geetest_v3 import CAPTCHA_ID, PRIVATE_KEY


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


DIGESTS = {
    "md5": lambda origin: md5(origin + PRIVATE_KEY),
    "sha256": lambda origin: hashlib.sha256((origin + PRIVATE_KEY).encode()).hexdigest(),
    "hmac-sha256": lambda origin: hmac.new(PRIVATE_KEY.encode(), origin.encode(), hashlib.sha256).hexdigest(),
}


@pytest.fixture
def vendor():
    with GeetestV3() as server:
        yield server


@pytest.fixture
def fixed(monkeypatch):
    """A server whose random words are known: the origin challenge is `0123456789abcdef` twice."""
    monkeypatch.setattr("secrets.token_hex", lambda size: ("0123456789abcdef" * 4)[: 2 * size])
    with GeetestV3(private_key="00112233445566778899aabbccddeeff") as server:
        yield server


def register(vendor: GeetestV3, **parameters: str) -> str:
    query = {"gt": CAPTCHA_ID, "json_format": "1", "digestmod": "md5", **parameters}
    response = httpx.get(f"{vendor.url}/register.php", params=query)
    assert (response.status_code, [*response.json()]) == (200, ["challenge"])
    return response.json()["challenge"]


def page_challenge(vendor: GeetestV3, digestmod: str = "md5", **parameters: str) -> str:
    return DIGESTS[digestmod](register(vendor, digestmod=digestmod, **parameters))


def form_of(fields: dict[str, str], **parameters: str) -> dict[str, str]:
    posted = {"seccode": fields["geetest_seccode"], "challenge": fields["geetest_challenge"]}
    return {**posted, "captchaid": CAPTCHA_ID, "json_format": "1", **parameters}


def validate(vendor: GeetestV3, form: dict[str, str], **request) -> str:
    response = httpx.post(f"{vendor.url}/validate.php", **(request or {"data": form}))
    assert (response.status_code, [*response.json()]) == (200, ["seccode"])
    return response.json()["seccode"]


def test_an_origin_challenge_is_new_each_time_and_32_hexadecimal_digits(vendor):
    first, second = register(vendor), register(vendor)
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


def test_without_json_format_replies_are_bare_text(vendor):
    origin = httpx.get(f"{vendor.url}/register.php", params={"gt": CAPTCHA_ID}).text
    assert re.fullmatch("[0-9a-f]{32}", origin)
    form = form_of(vendor.solve(DIGESTS["md5"](origin)))
    del form["json_format"]
    replies = [httpx.post(f"{vendor.url}/validate.php", data=form).text for _ in range(2)]
    assert replies == [md5(form["seccode"]), "false"]


@pytest.mark.parametrize("gt", [None, "", "f" * 32, "short"])
def test_an_unknown_id_is_forbidden(vendor, gt):
    params = {"json_format": "1"} if gt is None else {"gt": gt, "json_format": "1"}
    assert httpx.get(f"{vendor.url}/register.php", params=params).status_code == 403


@pytest.mark.parametrize("slide", [False, True])
@pytest.mark.parametrize("digestmod", DIGESTS)
def test_a_solved_challenge_passes_once(vendor, digestmod, slide):
    challenge = page_challenge(vendor, digestmod)
    fields = vendor.solve(challenge, slide=slide)
    assert len(fields["geetest_challenge"]) == len(challenge) + 2 * slide
    assert fields["geetest_challenge"].startswith(challenge)
    form = form_of(fields)
    assert [validate(vendor, form) for _ in range(2)] == [md5(form["seccode"]), "false"]


@pytest.mark.parametrize(
    ("digestmod", "challenge"),
    [
        ("md5", "b9a8f819f01582acff64018a9bebf453"),
        ("sha256", "01c51a915f3a2e1a8bd38a8daaa214a79e280746a2e36b8d4502a6d9e5c98afd"),
        ("hmac-sha256", "fb924ec4f1682bb93149b17917eca2ae67346066c39ff2fac2b08d95084607df"),
        ("", "b9a8f819f01582acff64018a9bebf453"),
        ("sha3", "b9a8f819f01582acff64018a9bebf453"),
    ],
)
def test_the_pages_challenge_is_that_of_the_known_vectors(fixed, digestmod, challenge):
    assert register(fixed, digestmod=digestmod) == "0123456789abcdef0123456789abcdef"
    fields = fixed.solve(challenge)
    assert validate(fixed, form_of(fields)) == md5(fields["geetest_seccode"])


def test_what_the_page_submits_is_that_of_the_known_vectors(fixed):
    register(fixed)
    challenge = "b9a8f819f01582acff64018a9bebf453"
    for slide in (False, True):
        fields = fixed.solve(challenge, slide=slide)
        told = md5(f"00112233445566778899aabbccddeeffgeetest{challenge}{'01' * slide}")
        assert (fields["geetest_validate"], fields["geetest_seccode"]) == (told, f"{told}|jordan")


def test_a_challenge_made_by_another_digest_than_was_told_is_none_of_its(vendor):
    origin = register(vendor, digestmod="sha256")
    for wrong in (origin, DIGESTS["md5"](origin), DIGESTS["hmac-sha256"](origin)):
        with pytest.raises(ValueError, match="no origin challenge"):
            vendor.solve(wrong)


def test_a_slide_and_its_bare_challenge_are_one_use(vendor):
    challenge = page_challenge(vendor)
    slid, bare = vendor.solve(challenge, slide=True), vendor.solve(challenge)
    assert validate(vendor, form_of(slid)) == md5(slid["geetest_seccode"])
    assert validate(vendor, form_of(bare)) == "false"


def test_the_answer_of_somebody_who_failed_never_passes(vendor):
    challenge = page_challenge(vendor)
    form = form_of(vendor.solve(challenge, passes=False))
    assert [validate(vendor, form) for _ in range(2)] == ["false", "false"]
    assert validate(vendor, form_of(vendor.solve(challenge))) != "false"


def test_what_nobody_solved_is_refused_however_well_it_is_made(vendor):
    challenge = page_challenge(vendor)
    seccode = md5(f"{PRIVATE_KEY}geetest{challenge}") + "|jordan"
    assert validate(vendor, form_of({"geetest_challenge": challenge, "geetest_seccode": seccode})) == "false"


@pytest.mark.parametrize("bare", [False, True])
def test_an_offline_answer_is_refused_online(vendor, bare):
    challenge = page_challenge(vendor)
    fields = vendor.offline_answer(challenge, bare=bare)
    assert fields["geetest_validate"] == (challenge if bare else md5(challenge))
    assert fields["geetest_seccode"] == fields["geetest_validate"] + "|jordan"
    assert validate(vendor, form_of(fields)) == "false"


def test_an_offline_answer_is_that_of_the_known_vectors(vendor):
    fields = vendor.offline_answer("fa7025c83249ab263bc1f11f11ae21a5")
    assert fields == {
        "geetest_challenge": "fa7025c83249ab263bc1f11f11ae21a5",
        "geetest_validate": "98e195e07dfcb00bacdc2a5bb1a63c74",
        "geetest_seccode": "98e195e07dfcb00bacdc2a5bb1a63c74|jordan",
    }


@pytest.mark.parametrize("name", ["seccode", "challenge", "captchaid"])
def test_each_parameter_of_a_validation_is_required_and_once(vendor, name):
    form = form_of(vendor.solve(page_challenge(vendor)))
    assert validate(vendor, {key: value for key, value in form.items() if key != name}) == "false"
    assert validate(vendor, {**form, name: [form[name]] * 2}) == "false"
    assert validate(vendor, {**form, name: "f" * 32}) == "false"
    assert validate(vendor, form) == md5(form["seccode"])


def test_a_validation_that_is_no_form_or_no_post_has_no_parameters(vendor):
    form = form_of(vendor.solve(page_challenge(vendor)))
    response = httpx.post(f"{vendor.url}/validate.php", json=form)
    assert (response.status_code, response.text) == (200, "false")
    assert httpx.get(f"{vendor.url}/validate.php", params=form).status_code == 405


@pytest.mark.parametrize(
    ("registered", "validated", "passes"),
    [("a", "a", True), ("a", "b", False), ("a", None, True), (None, "b", True), (None, None, True)],
)
def test_one_challenge_has_one_user(vendor, registered, validated, passes):
    def named(user: str | None) -> dict[str, str]:
        return {} if user is None else {"user_id": user}

    challenge = page_challenge(vendor, **named(registered))
    form = form_of(vendor.solve(challenge), **named(validated))
    assert (validate(vendor, form) != "false") == passes
    assert vendor.user_ids == [user for user in (registered, validated) if user]


@pytest.mark.parametrize("status", ["success", "fail"])
def test_the_bypass_status_is_what_it_is_set_to(vendor, status):
    vendor.bypass = status
    for response in (
        httpx.get(f"{vendor.url}/v1/bypass_status.php", params={"gt": CAPTCHA_ID}),
        httpx.post(f"{vendor.url}/v1/bypass_status.php", data={"gt": CAPTCHA_ID}),
    ):
        assert response.json() == {"status": status}
        assert response.headers["content-type"] == "application/json;charset=UTF-8"


def test_the_bypass_status_of_an_unknown_id_is_fail(vendor):
    assert httpx.get(f"{vendor.url}/v1/bypass_status.php", params={"gt": "f" * 32}).json() == {"status": "fail"}
    assert httpx.get(f"{vendor.url}/v1/bypass_status.php").json() == {"status": "fail"}


def test_its_account_asks_for_the_bypass_status_where_that_is_wanted(vendor):
    account = vendor.account()
    assert (account["type"], account["digestmod"], "bypass_url" in account) == ("geetest-v3", "md5", False)
    asked = vendor.account(bypass=True, digestmod="sha256")
    assert (asked["bypass_url"], asked["digestmod"]) == (f"{vendor.url}/v1/bypass_status.php", "sha256")


def challenge_of(world) -> str:
    return world.request("GET", "/captcha-gate/cn/challenge").json()["challenge"]


@pytest.mark.parametrize("slide", [False, True])
@pytest.mark.parametrize("digestmod", DIGESTS)
def test_a_gate_and_the_stand_in_understand_each_other(gate, ends, vendor, digestmod, slide):
    world = gate(vendor, digestmod=digestmod)
    token = vendor.solve(challenge_of(world), slide=slide)
    assert ends(world, token, 2) == [(200, "ok"), (403, "replayed")]
    assert [request.path for request in vendor.received] == ["/register.php", "/validate.php"]


def test_a_gate_refuses_what_the_stand_in_refuses(gate, ends, vendor):
    world = gate(vendor)
    assert ends(world, vendor.solve(challenge_of(world), passes=False)) == [(403, "invalid_token")]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("why", ["bypassed", "register is down"])
def test_a_gate_and_the_stand_in_go_offline_together(gate, ends, vendor, why, bare):
    vendor.bypass = "fail" if why == "bypassed" else "success"
    vendor.breaks(faults.status(503), only="register")
    world = gate(vendor, bypass=True)
    challenge = challenge_of(world)
    with pytest.raises(ValueError, match="no origin challenge"):
        vendor.solve(challenge)
    assert ends(world, vendor.offline_answer(challenge, bare=bare)) == [(503, "offline")]
