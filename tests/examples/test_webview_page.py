"""The page for the WebView of an app: what it tells the app, over the bridge of either system."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

#: What an app puts into its WebView. This one notes what it hears in the page itself.
BRIDGES = {
    "ios": "window.webkit = { messageHandlers: { signal: { postMessage: (text) => signals.push(text) } } }",
    "android": "window.vaptchaInterface = { signal: (text) => signals.push(text) }",
}


class App:
    """An app that opens the page in its WebView."""

    def __init__(self, person: Any, bridge: str) -> None:
        self.person = person
        person.page.add_init_script(f"window.signals = []; {BRIDGES[bridge]}")

    @property
    def signals(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.person.page.evaluate("signals")]

    def hears(self) -> dict[str, Any]:
        """The first signal, once it has come."""
        self.person.page.wait_for_function("() => signals.length")
        return self.signals[0]


@pytest.fixture(params=BRIDGES)
def app(request: pytest.FixtureRequest, visit: Any) -> App:
    return App(visit("vaptcha-webview"), request.param)


def query(app: App, more: str = "&scene=0&lang=en") -> str:
    return f"?vid={app.person.site.vendor.vid}{more}"


def test_what_a_pass_tells_is_let_in_by_the_gate(app: App) -> None:
    app.person.opens(query(app))
    signal = app.hears()
    assert signal["signal"] == "pass"
    assert set(signal["data"]) == {"server", "token"}
    answer = httpx.post(app.person.site.url + "login", json={"user": "ada", **signal["data"]})
    assert answer.json() == {"hello": "ada", "verified": True, "score": 1.0, "logins": 0}


def test_the_mode_is_told_by_both_of_its_names(app: App) -> None:
    app.person.opens(query(app))
    app.hears()
    assert app.person.page.evaluate("[standIn.given.mode, standIn.given.type]") == ["invisible", "invisible"]


def test_giving_up_is_a_cancel(app: App) -> None:
    app.person.passes = None
    app.person.opens(query(app))
    assert app.hears() == {"signal": "cancel", "data": ""}


def test_a_script_that_does_not_load_is_an_error_at_once(app: App) -> None:
    app.person.page.route(app.person.site.system.script, lambda route: route.abort())
    app.person.opens(query(app))
    assert app.hears()["signal"] == "error"


def test_a_script_that_hangs_is_an_error_after_five_seconds(app: App) -> None:
    page = app.person.page
    page.route(app.person.site.system.script, lambda route: None)
    page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    page.clock.pause_at(datetime(2026, 1, 2, tzinfo=UTC))  # it would go on by itself, however slow this machine is
    page.goto(app.person.site.page + query(app), wait_until="commit")
    page.get_by_text("Loading the CAPTCHA").wait_for()
    page.clock.run_for(4999)
    assert app.signals == []
    page.clock.run_for(1)
    assert [signal["signal"] for signal in app.signals] == ["error"]


@pytest.mark.parametrize(
    "wrong",
    ["", "?vid=", "?vid=%22%3E%3Cscript%3E", "?vid=https://evil.example", "?vid=abc&scene=-1", "?vid=abc&scene=1e3"],
)
def test_a_wrong_address_is_an_error_and_nothing_is_shown(app: App, wrong: str) -> None:
    app.person.opens(wrong)
    assert app.hears()["signal"] == "error"
    assert app.person.tries == []


def test_the_scene_is_the_one_of_the_address_and_an_unknown_language_is_none(app: App) -> None:
    app.person.opens(query(app, "&scene=7&lang=javascript:"))
    app.hears()
    assert app.person.tries == [{"vid": app.person.site.vendor.vid, "scene": 7}]


def test_the_app_hears_one_signal(app: App) -> None:
    app.person.opens(query(app))
    app.hears()
    app.person.page.evaluate("tell('error', 'later')")
    assert [signal["signal"] for signal in app.signals] == ["pass"]
