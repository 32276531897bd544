"""The pages that send with a script, each in front of its example, as a person meets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captcha_gate.testing.vendors import faults

NAMES = ["geetest-v4", "yunpian", "vaptcha", "vaptcha-v4"]
#: Those that are solved before the form is sent.
DRAWN = NAMES[:3]


@pytest.mark.parametrize("name", NAMES)
def test_who_solves_is_let_in(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    person.fills()
    person.solves()
    person.sends()
    person.hears("Welcome, ada.")
    assert len(person.posted) == 1


@pytest.mark.parametrize("name", NAMES)
def test_who_does_not_solve_sends_nothing(visit: Any, name: str) -> None:
    person = visit(name)
    person.passes = None
    person.opens()
    person.fills()
    person.page.locator("#captcha :text('Solve'), #captcha:text('VAPTCHA')").first.wait_for()
    person.sends()
    person.hears("Please solve the CAPTCHA first.")
    assert person.posted == []


@pytest.mark.parametrize("name", NAMES)
def test_after_a_refusal_the_form_is_as_it_was_and_a_second_try_lets_in(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    person.fills()
    person.solves(passes=False)
    person.sends()
    person.hears("Solve a new CAPTCHA, then send the request again.")
    assert person.has_typed() == ["ada", "correct horse"]
    person.solves()
    person.sends()
    person.hears("Welcome, ada.")
    assert len(person.posted) == 2


@pytest.mark.parametrize("name", DRAWN)
def test_a_refused_token_is_not_sent_again(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    person.fills()
    person.solves(passes=False)
    person.sends()
    person.hears("Solve a new CAPTCHA, then send the request again.")
    person.sends()
    person.hears("Please solve the CAPTCHA first.")
    assert len(person.posted) == 1


@pytest.mark.parametrize("name", NAMES)
def test_when_the_vendor_is_down_the_page_says_so_and_the_same_solution_serves_later(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    person.fills()
    person.site.vendor.breaks(faults.status(503))
    person.solves()
    person.sends()
    person.hears("The check is out of order right now. Try again in a moment.")
    assert person.has_typed() == ["ada", "correct horse"]
    person.site.vendor.recovers()
    person.sends()
    person.hears("Welcome, ada.")


@pytest.mark.parametrize("name", NAMES)
def test_without_the_vendors_script_the_page_says_so_and_sends_nothing(visit: Any, name: str) -> None:
    person = visit(name)
    person.page.route(person.site.system.script, lambda route: route.abort())
    person.opens()
    person.hears("The CAPTCHA cannot be loaded.")
    person.fills()
    person.sends()
    assert person.posted == []


@pytest.mark.parametrize("name", NAMES)
def test_two_clicks_send_one_request(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    person.fills()
    person.solves()
    person.page.evaluate("() => { const form = document.forms[0]; form.requestSubmit(); form.requestSubmit(); }")
    person.hears("Welcome, ada.")
    assert len(person.posted) == 1


@pytest.mark.parametrize("name", DRAWN)
def test_the_keyboard_is_enough(visit: Any, name: str) -> None:
    person = visit(name)
    person.opens()
    page = person.page
    page.get_by_role("button", name="Solve", exact=True).wait_for()
    page.get_by_label("User name").focus()
    for key in ("a", "Tab", "b", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Solved", exact=True).wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    person.hears("Welcome, a.")


def test_yunpians_fields_come_as_multipart(visit: Any) -> None:
    person = visit("yunpian")
    person.opens()
    person.fills()
    person.solves()
    person.sends()
    person.hears("Welcome, ada.")
    assert person.posted[0].headers["content-type"].startswith("multipart/form-data; boundary=")


def test_vaptcha_is_told_the_scene_of_the_policy(visit: Any) -> None:
    person = visit("vaptcha")
    person.opens()
    person.solves()
    assert person.tries == [{"vid": person.site.vendor.vid, "scene": 0}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_every_screen(visit: Any, artifacts: Path, name: str, width: int, scheme: str) -> None:
    person = visit(name, width, scheme)

    def look(what: str) -> None:
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width
        person.page.screenshot(path=artifacts / f"example-{name}-{what}-{width}-{scheme}.png", full_page=True)

    person.opens()
    person.fills()
    person.solves(passes=False)
    look("1-filled")
    person.sends()
    person.hears("Solve a new CAPTCHA, then send the request again.")
    look("2-refused")
    person.solves()
    person.sends()
    person.hears("Welcome, ada.")
    look("3-in")
