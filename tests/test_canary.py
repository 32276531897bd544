"""Secrets and tokens that are told from everything else, and every place where they must not show. Loopback only.

Each secret and each token is looked for in what was logged at the most talkative level, printed, replied, handed to the
application beside its own request, and in the words of every public object and exception.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import altcha
import httpx
import pytest
from support.faults import FAULTS, a_token, account_at
from support.live import LiveWorld
from support.world import ALTCHA, GEETEST, LOGIN, PASSES, TOKEN, World, answering, policy_of

from captcha_gate import PolicyError, load_policy
from captcha_gate.errors import DeviceError
from captcha_gate.testing.vendors import GeetestV3, GeetestV4, Vaptcha, VaptchaV4, Yunpian, faults
from captcha_gate.testing.vendors.loopback import Answer, Connection, LoopbackServer, Received
from captcha_gate.vaptcha import async_devices, devices

SECRET = "canary5ec2e7canary5ec2e7canary77"
VENDORS: dict[str, Callable[[], Any]] = {
    "geetest-v3": lambda: GeetestV3(private_key=SECRET),
    "geetest-v4": lambda: GeetestV4(captcha_key=SECRET),
    "yunpian": lambda: Yunpian(secret_key=SECRET),
    "vaptcha": lambda: Vaptcha(key=SECRET),
    "vaptcha-v4": lambda: VaptchaV4(key=SECRET),
}
#: Characters below which a field is no secret by itself, but a time or an address.
TELLING = 16
PUBLIC = ("vaptcha_server",)


def echoes_as(status: int, write: Callable[[str], Any], content_type: str = "application/json") -> Answer:
    """A vendor that repeats what it was told of a token: in its body, as `write` makes it."""

    def answer(connection: Connection, request: Received) -> None:
        body = write(f"{request.target} {request.body.decode()}".replace(SECRET, "our key"))
        text = body if isinstance(body, str) else json.dumps(body)
        connection.reply(status, text.encode(), f"Content-Type: {content_type}")

    return answer


def in_every_word(said: str) -> dict[str, Any]:
    """A refusal in which each word that any of the vendors has repeats what was said."""
    inner = {"code": 1, "note": said, "result": False, "vid": said}
    words = dict.fromkeys(("reason", "msg", "desc", "error", "challenge", "seccode", "note"), said)
    return {**words, "status": "success", "result": "fail", "success": 0, "code": 400, "score": said, "data": inner}


def in_a_pass(said: str) -> dict[str, Any]:
    told = {"captcha_args": {"used_type": said, said: [said, {said: said}]}, "msg": said, "reason": said}
    inner = {"code": 0, "note": said, "result": True, "vid": said}
    return {**told, "status": "success", "result": "success", "success": 1, "code": 0, "score": 90, "data": inner}


FAILURES: dict[str, Answer] = {
    "a page that repeats it": echoes_as(200, lambda said: f"<p>{said}</p>", "text/html"),
    "HTTP 400 that repeats it": echoes_as(400, in_every_word),
    "HTTP 403 that repeats it": echoes_as(403, lambda said: f"<p>{said}</p>", "text/html"),
    "HTTP 500 that repeats it": echoes_as(500, in_every_word),
    "a refusal that repeats it": echoes_as(200, in_every_word),
    "a pass that repeats it": echoes_as(200, in_a_pass),
    "an error that repeats it": echoes_as(200, lambda said: {"status": "error", "code": "-50005", "msg": said}),
    "JSON that repeats it and breaks off": echoes_as(200, lambda said: json.dumps(in_a_pass(said))[:-5]),
    "a number that is none": echoes_as(200, lambda said: {"code": said, "success": said, "status": said}),
    "no answer": faults.hang,
    "a reset": faults.reset,
    "no HTTP": faults.not_http,
    "a redirect": faults.redirect("https://elsewhere.invalid/"),
    "too much": faults.huge,
    "compressed": faults.gzipped,
    "too many headers": faults.many_headers,
}


class Everything(logging.Handler):
    """Keeps all that shows while it is installed."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._formatter = logging.Formatter()
        self.shown: list[str] = []
        self._levels: dict[logging.Logger, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.shown += [self._formatter.format(record), str(vars(record))]

    def show(self, *things: object) -> None:
        for thing in things:
            self.shown += [str(thing), repr(thing)]

    def __enter__(self) -> Self:
        loggers = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
        self._levels = {logger: logger.level for logger in [logging.root, *loggers]}
        for logger in self._levels:
            logger.setLevel(logging.DEBUG)
        logging.root.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.root.removeHandler(self)
        for logger, level in self._levels.items():
            logger.setLevel(level)


@pytest.fixture
def everything(capfd) -> Iterator[Everything]:
    with Everything() as seen:
        yield seen
        seen.show(*capfd.readouterr())


@pytest.fixture(autouse=True)
def canaries(everything, capfd) -> Iterator[list[str]]:
    """What must not show; looked for when the test is over."""
    words = [SECRET]
    yield words
    everything.show(*capfd.readouterr())
    assert everything.shown
    found = [(word, text[:2000]) for word in words for text in everything.shown if word.casefold() in text.casefold()]
    assert not found


@pytest.fixture
def ask(everything, canaries):
    """Send tokens to a gate, and show everything that comes of it."""

    def send(world: World, token: Mapping[str, str]) -> httpx.Response:
        canaries.extend(value for name, value in token.items() if len(value) >= TELLING and name not in PUBLIC)
        response = world.post(data=token)
        everything.show(response, dict(response.headers), response.text, world.gate, world.policy)
        for provider in world.policy.providers.values():
            everything.show(provider, provider.model_dump(), provider.model_dump_json(), vars(provider))
        for decision in world.decisions:
            everything.show(decision, decision.as_dict(), decision.detail, decision.basis)
        for seen in world.seen:
            everything.show(handed_over(seen.carrier))
        return response

    return send


def handed_over(carrier: Mapping[str, Any]) -> dict[str, Any]:
    """The scope or the environ without what the client itself has sent."""
    return {name: value for name, value in carrier.items() if name not in ("wsgi.input", "CONTENT_LENGTH")}


def solved(vendor: Any, world: World) -> dict[str, str]:
    if isinstance(vendor, GeetestV3):
        return vendor.solve(world.request("GET", "/captcha-gate/it/challenge").json()["challenge"])
    return vendor.solve()


@pytest.mark.parametrize("on_unavailable", ["reject", "allow"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("vendor_type", VENDORS)
def test_nothing_shows_however_a_vendor_fails(kind, vendor_type, failure, on_unavailable, ask, everything):
    with VENDORS[vendor_type]() as vendor:
        rule = {**LOGIN, "on_unavailable": on_unavailable, "on_fail": "annotate"}
        if vendor_type == "vaptcha":
            rule.pop("on_unavailable")  # it names its servers itself: nothing can be proven
        policy = policy_of(rule, providers={"it": vendor.account(timeout="2s")})
        world = LiveWorld(kind, policy)
        assert ask(world, solved(vendor, world)).status_code == 200
        token = solved(vendor, world)
        refused = vendor.solve(passes=False) if vendor_type != "geetest-v3" else solved(vendor, world)
        vendor.breaks(FAILURES[failure])
        ask(world, token)
        ask(world, token)
        ask(world, refused)
        if vendor_type == "geetest-v3":
            challenge = world.request("GET", "/captcha-gate/it/challenge")
            everything.show(challenge.text, dict(challenge.headers))
        world.settle()
        world.close()


DEVICE_ANSWERS: dict[str, Answer | None] = {
    "what is asked for": None,
    "a refusal that repeats it": echoes_as(200, in_every_word),
    "HTTP 500 that repeats it": echoes_as(500, in_every_word),
    "JSON that repeats it and breaks off": echoes_as(200, lambda said: json.dumps(in_a_pass(said))[:-5]),
    "a redirect": faults.redirect("https://elsewhere.invalid/"),
    "a reset": faults.reset,
}


CALLS = ("query", "register", "list", "exit")


def call_devices(policy: Any, own: bool, **given: dict[str, str]) -> Iterator[object]:
    """What each of the calls returned or raised."""
    with httpx.Client() as client, devices(policy, "it", http_client=None if own else client) as known:
        for name in CALLS:
            try:
                yield getattr(known, name)(**given[name])
            except DeviceError as error:
                yield error


async def acall_devices(policy: Any, own: bool, **given: dict[str, str]) -> list[object]:
    async with (
        httpx.AsyncClient() as client,
        async_devices(policy, "it", http_client=None if own else client) as known,
    ):
        return await asyncio.gather(*(getattr(known, name)(**given[name]) for name in CALLS), return_exceptions=True)


@pytest.mark.parametrize("answer", DEVICE_ANSWERS)
@pytest.mark.parametrize("own", [True, False], ids=["our client", "the user's"])
def test_nothing_shows_of_a_call_about_devices(kind, own, answer, canaries, everything):
    user = "canary-user-canary-user"
    with Vaptcha(key=SECRET) as vendor:
        policy = policy_of(providers={"it": vendor.account(timeout="2s")})
        world = LiveWorld(kind, policy)
        token = vendor.solve()
        assert world.post(data=token).status_code == 200
        world.close()
        canaries += [user, token["vaptcha_token"]]
        if DEVICE_ANSWERS[answer]:
            vendor.breaks(DEVICE_ANSWERS[answer])
        who = {"user_id": user}
        what = {**who, "server": token["vaptcha_server"], "token": token["vaptcha_token"]}
        given = {"query": what, "register": what, "list": who, "exit": who}
        if kind == "wsgi":
            came = list(call_devices(policy, own, **given))
        else:
            came = asyncio.run(acall_devices(policy, own, **given))
        everything.show(*came)
        assert {isinstance(item, DeviceError) for item in came} == {DEVICE_ANSWERS[answer] is not None}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_shows_with_any_fault_there_is(kind, fault, ask):
    with LoopbackServer(fault.answer) as vendor:
        account = account_at(vendor.url, timeout="150ms", captcha_key=SECRET)
        world = LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account}))
        ask(world, a_token())
        world.settle()
        world.close()


def test_nothing_shows_where_nobody_listens_or_the_certificate_is_wrong(kind, ask):
    with LoopbackServer(faults.hang, listening=False) as vendor:
        for url in (vendor.url, vendor.url.replace("http:", "https:")):
            account = account_at(url, timeout="200ms", captcha_key=SECRET)
            world = LiveWorld(kind, policy_of({**LOGIN, "on_unavailable": "allow"}, providers={"cn": account}))
            ask(world, a_token())
            world.close()


def test_nothing_shows_of_a_proof_of_work(kind, ask, everything):
    world = LiveWorld(kind, policy_of(LOGIN, providers={"pow": {**ALTCHA, "hmac_key": SECRET}}))
    response = world.request("GET", "/captcha-gate/pow/challenge")
    everything.show(response.text, dict(response.headers))
    challenge = altcha.Challenge.from_dict(response.json())
    token = {"altcha": altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()}
    assert ask(world, token).status_code == 200
    assert ask(world, token).status_code == 403
    assert ask(world, {"altcha": "e30="}).status_code == 403
    assert ask(world, {"altcha": token["altcha"][:-8] + "AAAAAAA="}).status_code == 403
    world.close()


@pytest.mark.parametrize(
    "token",
    [
        {"gen_time": "canary-gen-time-that-is-none"},
        {"lot_number": "canary-lot-number-with-a-\n-in-it"},
        {"pass_token": "canary-pass-token-" * 1000},
        {"captcha_output": "canary-captcha-output-<script>"},
    ],
    ids=lambda token: next(iter(token)),
)
def test_nothing_shows_of_a_token_that_is_refused_unasked(kind, token, ask):
    world = LiveWorld(kind, policy_of(LOGIN, providers={"cn": {**GEETEST, "captcha_key": SECRET}}))
    assert ask(world, {**TOKEN, **token}).status_code == 403
    world.close()


def test_nothing_shows_of_a_token_that_cannot_be_read(kind, canaries, everything):
    world = LiveWorld(kind, policy_of(LOGIN, providers={"cn": {**GEETEST, "captcha_key": SECRET}}))
    canaries.append("canary-token")
    for content_type, body in (
        ("application/json", b'{"lot_number": "canary-token", "pass_token": "canary-token'),
        ("application/json", b'{"lot_number": "canary-token", "lot_number": "canary-token"}'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="pass_token"\r\n\r\ncanary-token',
        ),
        ("application/x-www-form-urlencoded", b"lot_number=canary-token&lot_number=canary-token"),
        ("application/x-www-form-urlencoded", b"lot_number=canary-token%ff%zz"),
    ):
        response = world.post(content=body, headers={"Content-Type": content_type})
        assert response.status_code in (400, 403)
        everything.show(response.text, dict(response.headers), *world.decisions)
    world.close()


def test_nothing_shows_of_a_bug(kind, ask, monkeypatch):
    def raises(response: httpx.Response) -> None:
        raise KeyError(SECRET, response.request, TOKEN)

    monkeypatch.setattr("captcha_gate.providers.geetest_v4._verdict", raises)
    account = {**GEETEST, "captcha_key": SECRET}
    assert ask(World(kind, policy_of(providers={"cn": account}), answering(PASSES)), TOKEN).status_code == 503


def test_nothing_shows_of_a_hook_that_fails(kind, ask):
    def hook(decision: object) -> None:
        raise RuntimeError(SECRET)

    world = World(kind, policy_of(), answering(PASSES), {"on_decision": hook})
    assert ask(world, TOKEN).status_code == 200


def test_nothing_shows_of_a_stores_password(kind, ask):
    world = LiveWorld(kind, policy_of(store=f"redis://user:{SECRET}@127.0.0.1:1/0"))
    assert ask(world, a_token()).json()["code"] == "store_error"
    world.close()


def test_nothing_shows_of_what_comes_from_files_and_from_the_environment(kind, ask, tmp_path, monkeypatch):
    (tmp_path / "key").write_text(SECRET + "\n")
    monkeypatch.setenv("CANARY", SECRET)
    file = tmp_path / "policy.yaml"
    for word in (f"${{file:{tmp_path}/key}}", "${CANARY}"):
        with GeetestV4(captcha_key=SECRET) as vendor:
            account = {**vendor.account(), "captcha_key": word}
            file.write_text(json.dumps({"version": 1, "providers": {"cn": account}, "rules": [LOGIN]}))
            world = LiveWorld(kind, load_policy(file))
            assert ask(world, vendor.solve()).status_code == 200  # it is the right key
            world.close()


BAD: dict[str, dict[str, Any]] = {
    "no URL of a store": {"store": f"redis://:{SECRET}@[::/0"},
    "a store of another kind": {"store": f"mysql://root:{SECRET}@db/captcha"},
    "a store with options": {"store": f"redis://:{SECRET}@host/0?password={SECRET}"},
    "a key of the wrong type": {"providers": {"cn": {**GEETEST, "captcha_key": [SECRET]}}},
    "a key in a mapping": {"providers": {"cn": {**GEETEST, "captcha_key": {"value": SECRET}}}},
    "an unknown key": {"providers": {"cn": {**GEETEST, "captcha_kye": SECRET}}},
    "a type that is none": {"providers": {"cn": {"type": "geetest-v5", "captcha_key": SECRET}}},
    "another mistake beside it": {"providers": {"cn": {**GEETEST, "captcha_key": SECRET, "timeout": "soon"}}},
    "a URL with a password": {"providers": {"cn": {**GEETEST, "base_url": f"https://u:{SECRET}@host"}}},
    "a text for a provider": {"providers": {"cn": SECRET}},
    "a header's value": {"rules": [{"name": "x", "match": {"path": "/x", "header": {"X-Key": {"is": SECRET}}}}]},
}


@pytest.mark.parametrize("written", ["mapping", "file"])
@pytest.mark.parametrize("mistake", BAD)
def test_nothing_shows_of_a_policy_that_does_not_load(mistake, written, everything, tmp_path):
    document = {"version": 1, "providers": {"cn": GEETEST}, "rules": [LOGIN], **BAD[mistake]}
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(document))
    with pytest.raises(PolicyError) as raised:
        load_policy(document if written == "mapping" else file)
    error: BaseException | None = raised.value
    while error is not None:
        everything.show(error, error.args)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


FORGED = "x\nCRITICAL captcha_gate forged\r\n\x1b[2J\x9b1m\x85CRITICAL\u2028CRITICAL captcha_gate\x00\x07\u202e"
FORGERIES = {
    "a path": {"url": "/login%0aCRITICAL%20captcha_gate%20forged%1b%5b2J%0d"},
    "a query": {"url": "/login?x=%0aCRITICAL%20captcha_gate%1b"},
    "a field": {"url": "/login", "data": {**TOKEN, "lot_number": FORGED}},
    "a field of another's": {"url": "/login", "data": {**TOKEN, FORGED: FORGED}},
    "a header": {"url": "/login", "headers": {"User-Agent": "x\x1b[2J\x0b", "X-Captcha-Lot-Number": "x\x1b[2J\x0c"}},
    "a content type": {"url": "/login", "headers": {"Content-Type": "multipart/form-data; boundary=\x1b[2J\x0b"}},
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What an operator's simplest log file would hold."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.root.addHandler(handler)
    yield lines
    logging.root.removeHandler(handler)


def is_in_order(log: io.StringIO, records: int) -> bool:
    """Whether each record of the gate's is one line, and no line moves the cursor or ends early."""
    text = log.getvalue()
    lines = text.split("\n")[:-1]
    ours = [line for line in lines if line.split(" ")[1] == "captcha_gate"]
    beginnings = all(re.match(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) [A-Za-z0-9_.]+ ", line) for line in lines)
    return beginnings and len(ours) == records and all(line.isprintable() for line in ours)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_client_writes_a_log_line_of_its_own(world, forgery, log):
    gated = world(policy_of(default_action="deny"), answering({"status": "success", "result": "fail", "reason": "no"}))
    assert gated.request("POST", **FORGERIES[forgery]).status_code in (400, 403)
    assert is_in_order(log, records=1)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("vendor_type", VENDORS)
def test_no_vendor_writes_a_log_line_of_its_own(kind, vendor_type, status, log):
    with VENDORS[vendor_type]() as vendor:
        world = LiveWorld(kind, policy_of(providers={"it": vendor.account()}))
        token = solved(vendor, world)
        vendor.breaks(echoes_as(status, lambda _: in_every_word(FORGED)))
        log.truncate(0)
        log.seek(0)
        assert world.post(data=token).status_code in (403, 503)
        assert is_in_order(log, records=1)
        world.close()
