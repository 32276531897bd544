"""The stand-in of VAPTCHA answers as the document says, to the letter, passes each token once, and knows devices."""

from __future__ import annotations

import time

import httpx
import pytest

from captcha_gate.testing.vendors import Vaptcha
from captcha_gate.testing.vendors.vaptcha import KEY, VID

ENCODINGS = ("json", "data")


@pytest.fixture
def vendor():
    with Vaptcha() as server:
        yield server


@pytest.fixture(params=ENCODINGS)
def encoding(request):
    return request.param


def parameters(token: str, **changed: object) -> dict[str, object]:
    return {"id": VID, "secretkey": KEY, "scene": "0", "token": token, "ip": "203.0.113.7", **changed}


def verify(vendor: Vaptcha, given: object, encoding: str = "json") -> dict:
    response = httpx.post(f"{vendor.url}/verify", **{encoding: given})
    assert response.status_code == 200
    return response.json()


def refused(msg: str) -> dict:
    return {"success": 0, "score": 0, "msg": msg}


def verified_token(vendor: Vaptcha, **how: str) -> str:
    token = vendor.solve(**how)["vaptcha_token"]
    assert verify(vendor, parameters(token))["success"] == 1
    return token


def call(vendor: Vaptcha, method: str, path: str, **request) -> tuple[int, object, str]:
    response = httpx.request(method, vendor.url + path, **request)
    assert response.status_code == 200
    reply = response.json()
    assert set(reply) == {"code", "data", "msg"}
    return reply["code"], reply["data"], reply["msg"]


def query_device(vendor: Vaptcha, user: str, token: str) -> tuple[int, object, str]:
    return call(vendor, "GET", "/verify/device", params={"id": user, "token": token})


def log_in(vendor: Vaptcha, user: str, device: str, **more: str) -> tuple[int, object, str]:
    given = {"id": user, "token": verified_token(vendor, device=device), **more}
    return call(vendor, "PUT", "/verify/device", params=given)


def names(vendor: Vaptcha, user: str) -> list[str]:
    _, devices, _ = call(vendor, "GET", "/api/v1/device", params={"id": user})
    return [device["device"] for device in devices]


DONE = (200, None, "success")


def test_a_solved_token_passes_once(vendor, encoding):
    token = vendor.solve()["vaptcha_token"]
    assert verify(vendor, parameters(token), encoding) == {"success": 1, "score": 100, "msg": ""}
    assert verify(vendor, parameters(token), encoding) == refused("token expired")


def test_the_page_submits_the_server_and_the_token(vendor):
    assert vendor.solve().keys() == {"vaptcha_server", "vaptcha_token"}
    assert vendor.solve()["vaptcha_server"] == f"{vendor.url}/verify"


def test_score_and_deductions_are_what_they_are_set_to(vendor):
    vendor.score, vendor.deductions = 60, "0,1,2,3"
    reply = verify(vendor, parameters(vendor.solve()["vaptcha_token"]))
    assert reply == {"success": 1, "score": 60, "msg": "0,1,2,3"}


def test_a_token_of_somebody_who_failed_never_passes(vendor):
    token = vendor.solve(passes=False)["vaptcha_token"]
    assert [verify(vendor, parameters(token)) for _ in range(2)] == [refused("token error")] * 2
    assert verify(vendor, parameters("offline" + "0" * 64)) == refused("token error")


@pytest.mark.parametrize(
    ("changed", "msg"),
    [
        ({"id": ""}, "id empty"),
        ({"id": "f" * 24}, "id error"),
        ({"secretkey": "another key"}, "id error"),
        ({"secretkey": ""}, "param-error"),
        ({"scene": "1"}, "scene error"),
        ({"scene": ""}, "param-error"),
        ({"ip": ""}, "param-error"),
        ({"ip": "somewhere"}, "param-error"),
        ({"token": ""}, "token error"),
        ({"token": "0" * 64}, "token error"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_told_and_uses_nothing_up(vendor, encoding, changed, msg):
    token = vendor.solve()["vaptcha_token"]
    assert verify(vendor, {**parameters(token), **changed}, encoding) == refused(msg)
    assert verify(vendor, parameters(token), encoding)["success"] == 1


@pytest.mark.parametrize(
    ("name", "msg"),
    [("id", "id empty"), ("token", "token error"), *((name, "param-error") for name in ("secretkey", "scene", "ip"))],
)
def test_each_parameter_is_required(vendor, encoding, name, msg):
    given = parameters(vendor.solve()["vaptcha_token"])
    del given[name]
    assert verify(vendor, given, encoding) == refused(msg)


def test_a_parameter_of_a_form_given_twice_is_none(vendor):
    token = vendor.solve()["vaptcha_token"]
    assert verify(vendor, parameters([token, token]), "data") == refused("token error")


@pytest.mark.parametrize("ip", ["203.0.113.7", "2001:db8::1"])
def test_either_kind_of_address_is_one(vendor, ip):
    assert verify(vendor, parameters(vendor.solve()["vaptcha_token"], ip=ip))["success"] == 1


def test_a_scene_may_be_a_number_in_json(vendor):
    assert verify(vendor, parameters(vendor.solve()["vaptcha_token"], scene=0))["success"] == 1
    assert verify(vendor, parameters(vendor.solve()["vaptcha_token"], scene=False)) == refused("bad request")


@pytest.mark.parametrize("given", [[], "text", 1, None, {"id": ["x"]}, {"id": {}}, {"id": None}])
def test_json_of_another_shape_is_a_bad_request(vendor, given):
    assert verify(vendor, given) == refused("bad request")


def test_a_body_of_another_type_is_a_bad_request(vendor):
    token = vendor.solve()["vaptcha_token"]
    files = {name: (None, value) for name, value in parameters(token).items()}
    for request in ({"files": files}, {"params": parameters(token)}, {"content": b"{"}):
        assert httpx.post(f"{vendor.url}/verify", **request).json() == refused("bad request")
    headers = {"content-type": "application/json"}
    assert httpx.post(f"{vendor.url}/verify", content=b"{", headers=headers).json() == refused("bad request")
    assert httpx.get(f"{vendor.url}/verify", params=parameters(token)).status_code == 405


def test_its_account_lists_only_its_own_host(vendor):
    account = vendor.account()
    assert (account["type"], account["vid"], account["key"], account["scene"]) == ("vaptcha", VID, KEY, "0")
    assert account["allowed_servers"] == [vendor.url]


def test_a_device_is_unknown_until_it_is_registered(vendor):
    assert query_device(vendor, "u", verified_token(vendor)) == (200, {"count": 0, "latestTime": 0}, "success")
    begun = int(time.time())
    assert log_in(vendor, "u", "Windows", regedit="1") == DONE
    code, data, msg = query_device(vendor, "u", verified_token(vendor))
    assert (code, data["count"], msg) == (200, 1, "success")
    assert begun <= data["latestTime"] <= time.time()
    assert query_device(vendor, "another", verified_token(vendor))[1]["count"] == 0
    assert query_device(vendor, "u", verified_token(vendor, device="Android"))[1]["count"] == 0


@pytest.mark.parametrize("more", [{}, {"regedit": "0"}])
def test_a_login_without_registering_counts_only_on_a_known_device(vendor, more):
    assert log_in(vendor, "u", "Windows", **more) == DONE
    assert names(vendor, "u") == []
    log_in(vendor, "u", "Windows", regedit="1")
    assert log_in(vendor, "u", "Windows", **more) == DONE
    assert query_device(vendor, "u", verified_token(vendor))[1]["count"] == 2


@pytest.mark.parametrize("where", ["params", "json", "data"])
def test_the_parameters_of_a_put_may_stand_anywhere(vendor, where):
    given = {"id": "u", "token": verified_token(vendor), "regedit": 1}
    assert call(vendor, "PUT", "/verify/device", **{where: given}) == DONE
    assert names(vendor, "u") == ["Windows"]


def test_a_token_is_good_for_devices_only_after_it_was_verified(vendor):
    token = vendor.solve()["vaptcha_token"]
    for unverified in (token, "0" * 64, ""):
        assert query_device(vendor, "u", unverified) == (400, None, "token error")
        given = {"id": "u", "token": unverified, "regedit": "1"}
        assert call(vendor, "PUT", "/verify/device", params=given) == (400, None, "token error")
    verify(vendor, parameters(token))
    assert [query_device(vendor, "u", token)[0] for _ in range(2)] == [200, 200]


def test_a_user_and_a_known_word_for_registering_are_required(vendor):
    token = verified_token(vendor)
    assert query_device(vendor, "", token) == (400, None, "id empty")
    given = {"id": "u", "token": token, "regedit": "2"}
    assert call(vendor, "PUT", "/verify/device", params=given) == (400, None, "param-error")
    for method in ("GET", "DELETE"):
        assert call(vendor, method, "/api/v1/device") == (400, None, "id empty")


def test_a_user_has_at_most_five_devices(vendor):
    devices = ["Windows", "Android", "iPhone", "Linux", "macOS"]
    assert [log_in(vendor, "u", device, regedit="1") for device in devices] == [DONE] * 5
    assert log_in(vendor, "u", "Plan 9", regedit="1") == (400, None, "too many devices")
    assert names(vendor, "u") == devices
    assert log_in(vendor, "u", "Windows", regedit="1") == DONE
    assert log_in(vendor, "another", "Plan 9", regedit="1") == DONE


def test_deleting_removes_the_device_that_was_used_last(vendor):
    for device in ("Windows", "Android", "Windows"):
        log_in(vendor, "u", device, regedit="1")
    assert call(vendor, "DELETE", "/api/v1/device", params={"id": "u"}) == DONE
    assert names(vendor, "u") == ["Android"]
    for _ in range(2):
        assert call(vendor, "DELETE", "/api/v1/device", params={"id": "u"}) == DONE
    assert names(vendor, "u") == []


def test_devices_are_listed_as_documented(vendor):
    log_in(vendor, "u", "Windows", regedit="1")
    code, [device], msg = call(vendor, "GET", "/api/v1/device", params={"id": "u"})
    assert (code, msg) == (200, "success")
    assert {name: type(value) for name, value in device.items()} == {
        "id": str, "count": int, "device": str, "ip": str, "latestTime": int
    }  # fmt: skip
    assert (device["count"], device["device"], device["ip"]) == (1, "Windows", "127.0.0.1")


JOURNEYS = {
    "passes and is replayed": ({}, True, [(200, "ok"), (403, "replayed")]),
    "passes as a form": ({"encoding": "form"}, True, [(200, "ok")]),
    "refused": ({}, False, [(403, "invalid_token")]),
    "wrong key": ({"key": "another key"}, True, [(503, "bad_credentials")]),
    "wrong id": ({"vid": "f" * 24}, True, [(503, "bad_credentials")]),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_gate_and_the_stand_in_understand_each_other(gate, ends, vendor, journey):
    keys, passes, expected = JOURNEYS[journey]
    assert ends(gate(vendor, **keys), vendor.solve(passes=passes), len(expected)) == expected
    assert len(vendor.received) == 1


def test_a_gate_tells_the_score_that_the_stand_in_gives(gate, ends, vendor):
    vendor.score = 60
    world = gate(vendor)
    ends(world, vendor.solve())
    assert world.seen[0].decision.score == 0.6
