"""The plain form with GeeTest v3: the gate gives the challenges out, the browser sends the form, Back leads to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captcha_gate.testing.vendors import faults


@pytest.fixture
def person(visit: Any) -> Any:
    return visit("geetest-v3")


def sent(person: Any) -> dict[str, list[str]]:
    """The fields of the last form, each with its values."""
    fields: dict[str, list[str]] = {}
    for pair in person.posted[-1].post_data.split("&"):
        name, _, value = pair.partition("=")
        fields.setdefault(name, []).append(value)
    return fields


def is_let_in(person: Any) -> None:
    person.page.get_by_role("heading", name="Welcome, ada").wait_for()
    assert person.page.get_by_text("CAPTCHA: verified").is_visible()


def test_who_solves_is_let_in(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves()
    person.sends()
    is_let_in(person)


def test_each_field_is_sent_once(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves()
    person.sends()
    is_let_in(person)
    names = ("user", "password", "geetest_challenge", "geetest_validate", "geetest_seccode")
    assert {name: len(values) for name, values in sent(person).items()} == dict.fromkeys(names, 1)


def test_fields_that_the_script_adds_to_no_form_are_sent_too(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves()
    person.page.evaluate("document.querySelectorAll('#captcha input').forEach((input) => input.remove())")
    person.sends()
    is_let_in(person)


def test_the_challenge_is_the_one_that_the_gate_gave_out(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves()
    [register] = [request for request in person.site.vendor.received if request.path == "/register.php"][-1:]
    assert register.method == "GET"
    assert person.tries[0]["offline"] is False


def test_who_does_not_solve_sends_nothing(person: Any) -> None:
    person.opens()
    person.fills()
    person.page.get_by_role("button", name="Solve", exact=True).wait_for()
    person.sends()
    person.hears("Please solve the CAPTCHA first.")
    assert person.posted == []


def test_after_a_refusal_back_leads_to_the_form_as_it_was_with_a_new_challenge(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves(passes=False)
    person.sends()
    person.page.get_by_role("heading", name="CAPTCHA not accepted").wait_for()
    person.page.go_back(wait_until="commit")  # a kept page does not load again
    person.page.get_by_role("button", name="Solve", exact=True).wait_for()
    assert person.has_typed()[0] == "ada"
    person.page.get_by_label("Password").fill("correct horse")
    person.solves()
    person.sends()
    is_let_in(person)
    first, second = (told["challenge"] for told in person.tries)
    assert first != second


def test_a_page_that_the_browser_kept_draws_a_new_challenge(person: Any) -> None:
    person.opens()
    person.fills()
    person.solves()
    person.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    person.hears("Please solve the CAPTCHA again.")
    person.solves()
    assert person.has_typed() == ["ada", "correct horse"]
    first, second = (told["challenge"] for told in person.tries)
    assert first != second


@pytest.mark.parametrize("how", [faults.status(503), faults.reset])
def test_while_register_is_down_the_page_is_offline_and_the_person_is_told_to_try_again(person: Any, how: Any) -> None:
    person.site.vendor.breaks(how, only="register")
    person.opens()
    person.fills()
    person.solves()
    assert person.tries[0]["offline"] is True
    person.sends()
    person.page.get_by_role("heading", name="CAPTCHA cannot be checked").wait_for()
    assert person.page.get_by_text("Load a new one, then send the request again.").is_visible()


def test_after_the_outage_the_same_form_lets_in(person: Any) -> None:
    person.site.vendor.breaks(faults.status(503), only="register")
    person.opens()
    person.fills()
    person.solves()
    person.sends()
    person.page.get_by_role("heading", name="CAPTCHA cannot be checked").wait_for()
    person.site.vendor.recovers()
    person.page.go_back(wait_until="commit")
    person.page.get_by_role("button", name="Solve", exact=True).wait_for()
    person.fills()
    person.solves()
    person.sends()
    is_let_in(person)


def test_where_register_refuses_us_the_page_says_that_it_is_out_of_order(person: Any) -> None:
    person.site.vendor.breaks(faults.status(403), only="register")
    person.opens()
    person.hears("The CAPTCHA is out of order. Please reload the page in a moment.")
    person.fills()
    person.sends()
    assert person.posted == []


def test_without_the_vendors_script_the_page_says_so(person: Any) -> None:
    person.page.route(person.site.system.script, lambda route: route.abort())
    person.opens()
    person.hears("The CAPTCHA cannot be loaded.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_fits_every_screen(visit: Any, artifacts: Path, width: int, scheme: str) -> None:
    person = visit("geetest-v3", width, scheme)

    def look(what: str) -> None:
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width
        person.page.screenshot(path=artifacts / f"example-geetest-v3-{what}-{width}-{scheme}.png", full_page=True)

    person.opens()
    person.page.get_by_role("button", name="Solve", exact=True).wait_for()
    person.fills()
    person.sends()
    person.hears("Please solve the CAPTCHA first.")
    look("1-unsolved")
    person.solves(passes=False)
    person.sends()
    person.page.get_by_role("heading", name="CAPTCHA not accepted").wait_for()
    look("2-refused")
