"""No crowd, doubling or odd spelling of headers passes, fails the gate, or makes a client somebody else."""

from __future__ import annotations

from ipaddress import ip_network

from fuzz.budget import fuzzed
from fuzz.wire import Sent, ask_asgi, ask_wsgi
from hypothesis import example, given
from hypothesis import strategies as st
from support.world import LOGIN, PASSES, TOKEN, World, answering, policy_of

from captcha_gate.request import Proxies

OFFICE = "198.51.100.0/24"
POLICY = policy_of(
    {"name": "office", "match": {"path": "/login", "client_ip": OFFICE}, "action": "allow"},
    {**LOGIN, "token": {"from": ["header", "query", "cookie", "json", "form"]}},
    client_ip={"trusted_proxies": ["10.0.0.0/8"]},
)

PARTS = [*TOKEN.values(), "", "a", ",", ";", "a,b", '"x"', "\t", " x ", "\\", "%", "\xff", "\x00", "é", "0", "-1",
"+28",
         "chunked", "identity", "gzip", "application/json", "multipart/form-data; boundary=X",
         "lot_number=x; lot_number=y",
         "POST", "websocket", "h2c", "https://example.com", "127.0.0.1", "198.51.100.7", "::1",
         "text/html;q=x"]  # fmt: skip
VALUES = st.one_of(st.sampled_from(PARTS), st.text(st.characters(max_codepoint=255), max_size=20))
NAMES = st.sampled_from(
    [
        *["X-Captcha-" + name.replace("_", "-").title() for name in list(TOKEN)[:3]],  # never all four
        "X-Captcha-Token", "x_captcha_lot_number", "X-Captcha_Lot_Number", "Captcha-Gate", "captcha_gate",
        "captcha.gate",
        "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Cookie", "Host", "Accept", "Origin",
        "Access-Control-Request-Headers", "Upgrade", "Connection", "X-HTTP-Method-Override", "X-Forwarded-For",
        "X-Real-IP", "Forwarded", "True-Client-IP", "X-Original-URI", "Expect", "Accept-Language", "Authorization",
    ]
)  # fmt: skip
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


@fuzzed
@given(headers=HEADERS, body=st.sampled_from([b"", b"{}", b"a=1"]), query=st.text("lot_number=&;%x", max_size=20))
@example(headers=[("Host", "x/about?")], body=b"", query="")
@example(headers=[("Content-Type", "multipart/form-data; boundary=")] * 2, body=b"{}", query="")
def test_no_headers_pass_or_make_the_gate_fail(kind, headers, body, query):
    here = World(kind, POLICY, answering(PASSES))
    sent = Sent(target=f"/login?{query}", headers=headers, chunks=[body] if body else [])
    status = (ask_asgi if kind == "asgi" else ask_wsgi)(here.gate, sent)
    assert status in (400, 403, 408, 413, 415)
    assert (here.seen, here.asked) == ([], [])


# The client's address. A model that is written as plainly as can be stands against the one that is used.

TRUSTED = ip_network("10.0.0.0/8")
ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        [
            "10.0.0.1",
            "10.255.0.9",
            "::ffff:10.0.0.2",
            "::ffff:198.51.100.7",
            "198.51.100.7",
            "203.0.113.5",
            "fd00::1",
            "::1",
        ]
    ),
)
HOPS = st.one_of(
    ADDRESSES,
    ADDRESSES.map(lambda address: f"{address}:443" if "." in address and ":" not in address else f"[{address}]:443"),
    ADDRESSES.map(lambda address: f"[{address}]"),
    ADDRESSES.map(lambda address: f" {address}\t"),
    st.sampled_from(
        ["", "unknown", "_hidden", "garbage", "10.0.0", "010.0.0.1", "1.2.3.4.5", "fe80::1%eth0", "[", "[]", ":"]
    ),
)
PROXIES = Proxies((TRUSTED,))


def client_of(peer: str | None, hops: list[str]) -> str | None:
    found = PROXIES.client_of(peer, [",".join(hops)] if hops else [])
    return None if found is None else str(found)


@fuzzed
@given(peer=ADDRESSES, hops=st.lists(HOPS, max_size=6))
def test_nothing_that_stands_left_of_a_stranger_changes_who_the_client_is(peer, hops):
    stranger = "203.0.113.77"
    assert client_of("10.0.0.1", [*hops, stranger]) == stranger
    assert client_of("10.0.0.1", [*hops, stranger, "10.3.2.1", "::ffff:10.1.1.1"]) == stranger
    assert client_of(stranger, [*hops, peer]) == stranger


@fuzzed
@given(hops=st.lists(HOPS, max_size=6), left=st.lists(HOPS, max_size=3))
def test_what_cannot_be_read_ends_the_search_and_is_nobody(hops, left):
    for garbage in ("unknown", "", "1.2.3.4.5", "fe80::g", "10.0.0.1/8", "0x0a000001", "10.0.0.1 10.0.0.2"):
        assert client_of("10.0.0.1", [*left, *hops, garbage]) is None


@fuzzed
@given(address=st.ip_addresses(v=4), port=st.integers(0, 65535))
def test_an_address_is_the_same_in_all_its_forms(address, port):
    for form in (f"{address}", f" {address} ", f"{address}:{port}", f"::ffff:{address}", f"[::ffff:{address}]:{port}"):
        assert client_of("10.0.0.1", [form]) == str(address)


@fuzzed
@given(peer=st.one_of(st.none(), HOPS), hops=st.lists(st.one_of(HOPS, st.text(max_size=12)), max_size=6))
def test_no_hop_is_the_client_unless_all_that_stand_right_of_it_are_proxies(peer, hops):
    found = client_of(peer, hops)
    if found is None:
        return
    own = [client_of("10.0.0.1", [hop]) for hop in ",".join(hops).split(",")] if hops else []
    line = [*own, client_of("10.0.0.1", [peer]) if peer else None]
    strangers = [number for number, one in enumerate(line) if one is None or ip_network(one).version == 6 or
                 not ip_network(one).subnet_of(TRUSTED)]  # fmt: skip
    assert found == (line[strangers[-1]] if strangers else line[0])


def test_two_thousand_hops_are_walked_once():
    assert client_of("10.0.0.1", ["198.51.100.7", *["10.0.0.2"] * 2000]) == "198.51.100.7"
    assert client_of("10.0.0.1", ["198.51.100.7", "203.0.113.5", *["10.0.0.2"] * 2000]) == "203.0.113.5"
