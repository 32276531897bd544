"""The demo with each vendor as a person meets it in a Chromium: passing, failing, an outage; keyboard, Back, widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

one_vendor = pytest.mark.parametrize("played", ["geetest-v4"], indirect=True)
with_challenge = pytest.mark.parametrize("played", ["geetest-v3"], indirect=True)


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def wait_for(page: Any, heading: str) -> None:
    page.get_by_role("heading", name=heading).wait_for()


def wait_until_said(page: Any, text: str) -> None:
    page.get_by_role("status").get_by_text(text, exact=True).wait_for()


def fill(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("correct horse")


def solve(page: Any, demo: Any, *, passes: bool = True) -> None:
    fill(page, demo)
    wait_until_said(page, "Not solved")
    press(page, "Pass" if passes else "Fail")
    wait_until_said(page, "Solved" if passes else "Solved wrongly")


def take_down(page: Any) -> None:
    press(page, "Take the vendor down")
    wait_until_said(page, "Its server is down: it answers 503.")


def start_in_outage(page: Any, demo: Any) -> None:
    """The vendor was down before anybody came: nothing that it answered speaks against that."""
    page.request.post(f"{demo.url}stand-in/outage", data={"down": True})
    fill(page, demo)
    wait_until_said(page, "Its server is down: it answers 503.")


def test_who_passes_is_let_in_once(page: Any, played: Any) -> None:
    solve(page, played)
    names = page.locator("#stand-in dt").all_inner_texts()
    assert names == [field.get_attribute("name") for field in page.locator("#stand-in input").all()]
    assert all(len(value) <= 15 for value in page.locator("#stand-in dd").all_inner_texts())
    press(page, "Log in")
    wait_for(page, "Welcome, ada")
    assert played.last == ("passed", "ok")
    press(page, "Send the same token twice")
    wait_for(page, "CAPTCHA already used")
    assert played.last == ("failed", "replayed")


def test_who_fails_is_refused(page: Any, played: Any) -> None:
    solve(page, played, passes=False)
    press(page, "Log in")
    wait_for(page, "CAPTCHA not accepted")
    assert played.last == ("failed", "invalid_token")


def test_an_outage_closes_the_login(page: Any, played: Any) -> None:
    fill(page, played)
    take_down(page)
    press(page, "Pass")
    page.locator("[data-state=solved], [data-state=offline]").wait_for()
    press(page, "Log in")
    wait_for(page, "CAPTCHA cannot be checked")
    assert played.decisions[-1].outcome == "unavailable"


def test_an_outage_opens_the_newsletter_unverified(page: Any, played: Any) -> None:
    start_in_outage(page, played)
    press(page, "Pass")
    page.locator("[data-state=solved], [data-state=offline]").wait_for()
    press(page, "Subscribe to the newsletter")
    wait_for(page, "Subscribed, ada")
    assert (played.decisions[-1].opened, played.decisions[-1].verified) == (True, False)


@one_vendor
def test_the_vendor_can_be_brought_back(page: Any, played: Any) -> None:
    start_in_outage(page, played)
    press(page, "Pass")
    wait_until_said(page, "Solved")
    press(page, "Bring the vendor back")
    wait_until_said(page, "Its server answers.")
    press(page, "Log in")
    wait_for(page, "Welcome, ada")


@with_challenge
def test_the_mode_of_the_challenge_is_said(page: Any, played: Any) -> None:
    page.goto(played.url)
    wait_until_said(page, "Online mode: the challenge is the vendor's own.")
    press(page, "Take the vendor down")
    wait_until_said(page, "Offline mode: the vendor does not answer, so the challenge is the gate's.")
    press(page, "Pass")
    wait_until_said(page, "Solved offline")


@with_challenge
def test_a_challenge_that_cannot_be_had_is_said_and_can_be_asked_for_again(page: Any, played: Any) -> None:
    page.route("**/challenge", lambda route: route.fulfill(status=503))
    page.goto(played.url)
    wait_until_said(page, "That did not work")
    page.unroute("**/challenge")
    press(page, "Pass")
    wait_until_said(page, "Solved")


@one_vendor
def test_what_is_not_solved_is_not_sent(page: Any, played: Any) -> None:
    fill(page, played)
    press(page, "Log in")
    wait_until_said(page, "Not solved: press Pass or Fail first")
    assert page.evaluate("document.activeElement.textContent") == "Pass"
    assert played.decisions == []


@one_vendor
def test_sending_without_the_captcha_is_refused_by_the_gate(page: Any, played: Any) -> None:
    page.goto(played.url)
    press(page, "Send without the CAPTCHA")
    wait_for(page, "CAPTCHA required")
    assert played.last == ("missing", "missing_token")


@one_vendor
def test_the_keyboard_is_enough(page: Any, played: Any) -> None:
    page.goto(played.url)
    page.get_by_label("User name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    wait_until_said(page, "Solved")
    for _ in ("Fail", "Take the vendor down", "Log in"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "Welcome, ada")


@one_vendor
def test_a_second_click_does_not_send_the_token_again(page: Any, played: Any) -> None:
    solve(page, played)
    sent = page.evaluate("""() => {
        const form = document.getElementById("login");
        const sent = [];
        form.addEventListener("formdata", ({ formData }) => sent.push(formData.get("lot_number")));
        form.requestSubmit();
        form.requestSubmit();
        return sent;
    }""")
    assert len(sent) == 1
    wait_for(page, "Welcome, ada")
    assert [decision.reason for decision in played.decisions] == ["ok"]


@one_vendor
def test_back_offers_the_form_as_it_was_but_not_the_used_token(page: Any, played: Any) -> None:
    solve(page, played)
    press(page, "Log in")
    wait_for(page, "Welcome, ada")
    page.go_back(wait_until="commit")  # a kept page does not load again
    wait_until_said(page, "Not solved")
    assert page.get_by_label("User name").input_value() == "ada"
    assert page.locator("#stand-in input").count() == 0


@one_vendor
def test_the_last_press_counts(page: Any, played: Any) -> None:
    solve(page, played)
    press(page, "Fail")
    wait_until_said(page, "Solved wrongly")
    assert page.locator("#stand-in input[name=lot_number]").count() == 1
    press(page, "Log in")
    wait_for(page, "CAPTCHA not accepted")


@one_vendor
def test_a_demo_that_has_ended_is_said(page: Any, played: Any) -> None:
    fill(page, played)
    page.route("**/stand-in/*", lambda route: route.fulfill(status=503))
    press(page, "Pass")
    wait_until_said(page, "The server refused (status 503). Reload the page.")
    press(page, "Take the vendor down")
    wait_until_said(page, "Its server answers.")


@one_vendor
def test_without_javascript_the_page_says_what_will_happen(browser: Any, played: Any) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 860}, java_script_enabled=False)
    page = context.new_page()
    fill(page, played)
    assert "JavaScript is off." in page.locator("noscript").inner_text()
    press(page, "Log in")
    wait_for(page, "CAPTCHA required")
    context.close()


@with_challenge
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_fits_every_screen(browser: Any, played: Any, artifacts: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)
    page = context.new_page()

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=artifacts / f"demo-stand-in-{name}-{width}-{scheme}.png", full_page=True)

    start_in_outage(page, played)
    press(page, "Pass")
    wait_until_said(page, "Solved offline")
    look("1-down")
    press(page, "Subscribe to the newsletter")
    wait_for(page, "Subscribed, ada")
    look("2-newsletter")
    fill(page, played)
    press(page, "Bring the vendor back")
    wait_until_said(page, "Online mode: the challenge is the vendor's own.")
    look("3-idle")
    press(page, "Fail")
    wait_until_said(page, "Solved wrongly")
    look("4-failed")
    press(page, "Pass")
    wait_until_said(page, "Solved")
    look("5-solved")
    context.close()
