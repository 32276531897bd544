"""Yunpian behind both adapters: what is refused unasked, replies of wrong types, and when an outage opens a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support.world import LOGIN, World, answering, policy_of

TOKEN = {"token": "1" * 32, "authenticate": "2" * 32}
ACCOUNT = {"type": "yunpian", "captcha_id": "an-id", "secret_id": "a-secret-id", "secret_key": "a-secret-key"}
OPENS = {**LOGIN, "on_unavailable": "allow"}
YES, NO = {"code": 0, "msg": "ok"}, {"code": 400, "msg": "validate_fail"}
HOWS: dict[str, Callable[[dict[str, str]], Any]] = {
    "form": lambda fields: {"data": fields},
    "json": lambda fields: {"json": fields},
    "multipart": lambda fields: {"files": {name: (None, value) for name, value in fields.items()}},
}


def policy(rule: dict[str, Any] = LOGIN) -> Any:
    return policy_of(rule, providers={"yp": ACCOUNT})


def conclusion(world: World, **kwargs: Any) -> tuple[int, str, str]:
    status = world.post(**kwargs).status_code
    return status, str(world.decisions[-1].outcome), str(world.decisions[-1].reason)


class Vendor:
    """Answers a client's token in one way, and every question of the gate's own in another."""

    def __init__(self, client: Any, probe: Any) -> None:
        self._client, self._probe = client, probe

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self._client if TOKEN["token"].encode() in request.content else self._probe
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)


@pytest.mark.parametrize("how", HOWS)
def test_a_token_passes_once_in_every_kind_of_body(world, how):
    gate = world(policy(), answering(YES))
    assert conclusion(gate, **HOWS[how](TOKEN)) == (200, "passed", "ok")
    assert conclusion(gate, **HOWS[how](TOKEN)) == (403, "failed", "replayed")
    assert len(gate.asked) == 1


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "a b"},
        {"token": "<b>"},
        {"token": 'a"b'},
        {"token": "h\u00e9"},
        {"token": "x" * 1025},
        {"authenticate": "a\nb"},
        {"authenticate": "a\x00"},
        {"authenticate": "a\\b"},
        {"authenticate": "x" * 4097},
    ],
    ids=repr,
)
def test_fields_that_yunpian_never_issues_are_refused_unasked(world, how, wrong):
    gate = world(policy(OPENS), answering(YES))
    assert conclusion(gate, **HOWS[how]({**TOKEN, **wrong})) == (403, "failed", "malformed_token")
    assert gate.asked == []


@pytest.mark.parametrize("value", [None, True, ["1" * 32], {"a": "1" * 32}, ""])
@pytest.mark.parametrize("name", TOKEN)
def test_a_field_in_json_that_is_no_text_is_none(world, name, value):
    gate = world(policy(OPENS), answering(YES))
    status, outcome, _ = conclusion(gate, json={**TOKEN, name: value})
    assert (status, outcome) in ((403, "missing"), (403, "failed"))
    assert gate.asked == []


@pytest.mark.parametrize(
    "reply",
    [
        *({"code": code, "msg": "ok"} for code in (False, True, "0", 0.0, None, [0], {"code": 0}, 1, 200)),
        {},
        [],
        [0],
        "ok",
        0,
    ],
    ids=repr,
)
def test_a_reply_of_a_wrong_type_passes_nobody_and_gives_the_token_back(world, reply):
    answers = iter([reply, YES])
    gate = world(policy(), lambda _: httpx.Response(200, json=next(answers)))
    assert conclusion(gate, data=TOKEN) == (503, "unavailable", "bad_reply")
    assert conclusion(gate, data=TOKEN) == (200, "passed", "ok")


OUTAGES: dict[str, tuple[Any, str]] = {
    "nobody listens": (httpx.ConnectError("refused"), "network"),
    "silence": (httpx.ReadTimeout("silent"), "timeout"),
    "HTTP 503": (503, "provider_error"),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_where_yunpian_answers_nobody_the_rule_opens_unverified(world, outage):
    answer, reason = OUTAGES[outage]
    gate = world(policy(OPENS), Vendor(answer, answer))
    assert conclusion(gate, data=TOKEN) == (200, "unavailable", reason)
    assert (gate.decisions[0].opened, gate.decisions[0].verified) == (True, False)


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("answer", [NO, YES, {"code": 400, "msg": "signature_invalid"}, {"code": 500, "msg": "x"}, 429])
def test_where_it_answers_the_gates_own_question_it_does_not(world, outage, answer):
    failure, reason = OUTAGES[outage]
    gate = world(policy(OPENS), Vendor(failure, answer))
    assert conclusion(gate, data=TOKEN) == (503, "unavailable", reason)
    assert gate.seen == []


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (NO, "failed", "invalid_token"),
        ({"code": 429, "msg": "too many"}, "unavailable", "throttled"),
        ({"code": 500, "msg": "server_error"}, "unavailable", "provider_error"),
        ({"code": False, "msg": "ok"}, "unavailable", "bad_reply"),
        ({"code": 400, "msg": "signature_invalid"}, "misconfigured", "bad_credentials"),
    ],
)
def test_no_answer_of_its_opens_a_rule_whatever_it_says(world, reply, outcome, reason):
    gate = world(policy(OPENS), answering(reply))
    assert conclusion(gate, data=TOKEN) == (403 if outcome == "failed" else 503, outcome, reason)
    assert gate.seen == []
