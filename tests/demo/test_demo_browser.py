"""The demo as a person meets it: a Chromium, a keyboard, a phone's width, light and dark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import altcha
import pytest


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def fill(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("correct horse")


def log_in(page: Any, demo: Any) -> None:
    fill(page, demo)
    button(page, "Log in").click()
    page.get_by_role("heading", name="Welcome, ada").wait_for()


def test_logging_in_solves_sends_and_shows_the_decision(page: Any, demo: Any) -> None:
    log_in(page, demo)
    assert demo.last == ("passed", "ok")
    assert page.locator("#outcome").inner_text() == "passed"
    assert page.locator(".row", has_text="verified").locator("code").inner_text() == "True"


def test_the_answer_is_found_while_the_person_types(page: Any, demo: Any) -> None:
    fill(page, demo)
    page.get_by_role("status").get_by_text("Solved").wait_for()
    assert demo.decisions == []


def test_sending_without_the_captcha_is_refused_by_the_gate(page: Any, demo: Any) -> None:
    fill(page, demo)
    button(page, "Send without the CAPTCHA").click()
    page.get_by_role("heading", name="CAPTCHA required").wait_for()
    assert demo.last == ("missing", "missing_token")


def test_the_same_token_twice_is_refused(page: Any, demo: Any) -> None:
    log_in(page, demo)
    button(page, "Send the same token twice").click()
    page.get_by_role("heading", name="CAPTCHA already used").wait_for()
    assert demo.last == ("failed", "replayed")
    page.go_back(wait_until="commit")  # a kept page does not load again
    page.get_by_role("heading", name="Welcome, ada").wait_for()
    assert len(demo.decisions) == 2


def test_back_after_a_refusal_keeps_what_was_typed_and_the_next_try_passes(page: Any, demo: Any) -> None:
    fill(page, demo)
    button(page, "Send without the CAPTCHA").click()
    page.get_by_role("heading", name="CAPTCHA required").wait_for()
    page.go_back(wait_until="commit")  # a kept page does not load again
    assert page.get_by_label("User name").input_value() == "ada"
    assert page.get_by_label("Password").input_value() == "correct horse"
    button(page, "Log in").click()
    page.get_by_role("heading", name="Welcome, ada").wait_for()
    assert demo.last == ("passed", "ok")


def test_back_after_a_login_offers_a_new_answer_not_the_used_one(page: Any, demo: Any) -> None:
    log_in(page, demo)
    page.go_back(wait_until="commit")  # a kept page does not load again
    assert page.locator("input[name=altcha]").input_value() == ""
    button(page, "Log in").click()
    page.get_by_role("heading", name="Welcome, ada").wait_for()
    assert demo.last == ("passed", "ok")


def test_a_second_click_does_not_send_the_token_again(page: Any, demo: Any) -> None:
    fill(page, demo)
    page.get_by_role("status").get_by_text("Solved").wait_for()
    sent = page.evaluate("""() => {
        const form = document.getElementById("login");
        const sent = [];
        form.addEventListener("formdata", ({ formData }) => sent.push(formData.get("altcha")));
        form.requestSubmit();
        form.requestSubmit();
        return sent;
    }""")
    assert len(sent) == 1
    page.get_by_role("heading", name="Welcome, ada").wait_for()
    assert [decision.reason for decision in demo.decisions] == ["ok"]


def test_the_keyboard_is_enough(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.get_by_label("User name").focus()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Welcome, ada").wait_for()


def test_focus_moves_on_when_the_pressed_button_goes(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    button(page, "Start").focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Solved").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Log in"


def test_cancelling_ends_the_work_and_it_can_be_taken_up_again(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.route("**/challenge", lambda route: route.fulfill(json=hopeless()))
    button(page, "Start").click()
    page.get_by_text(re.compile("tries by")).wait_for()
    assert len(page.workers) >= 1
    button(page, "Cancel").click()
    page.get_by_role("status").get_by_text("Cancelled").wait_for()
    page.wait_for_function("() => true")  # a round trip, after which ended workers are gone from the list
    assert page.workers == []
    page.unroute("**/challenge")
    button(page, "Try again").click()
    page.get_by_role("status").get_by_text("Solved").wait_for()


def test_leaving_the_page_ends_the_work(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.route("**/challenge", lambda route: route.fulfill(json=hopeless()))
    button(page, "Start").click()
    page.get_by_text(re.compile("tries by")).wait_for()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    page.get_by_role("status").get_by_text("Cancelled").wait_for()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.get_by_role("status").get_by_text("Proof of work").wait_for()


def test_what_goes_wrong_is_said_and_nothing_typed_is_lost(page: Any, demo: Any) -> None:
    page.goto(demo.url)
    page.route("**/challenge", lambda route: route.fulfill(json=hopeless(algorithm="ARGON2ID")))
    page.get_by_label("User name").fill("ada")
    page.get_by_text("This page cannot solve ARGON2ID.").wait_for()
    assert page.get_by_label("User name").input_value() == "ada"


@pytest.mark.parametrize(
    ("algorithm", "cost"),
    [
        ("PBKDF2/SHA-256", 50),
        ("PBKDF2/SHA-384", 50),
        ("PBKDF2/SHA-512", 50),
        ("SHA-256", 3),
        ("SHA-384", 3),
        ("SHA-512", 3),
    ],
)
@pytest.mark.parametrize("counter", [0, 1, 299])
def test_the_solver_finds_what_the_altcha_package_finds(
    page: Any, demo: Any, algorithm: str, cost: int, counter: int
) -> None:
    challenge = altcha.create_challenge(algorithm, cost, counter=counter, hmac_secret="any")
    expected = altcha.solve_challenge(challenge)
    assert expected is not None
    page.goto(demo.url)
    solve = """async (challenge) => {
        const { solve } = await import("/static/solver.js");
        return solve(challenge, { signal: AbortSignal.timeout(10_000) });
    }"""
    found = page.evaluate(solve, challenge.to_dict())
    assert (found["counter"], found["derivedKey"]) == (counter, expected.derived_key)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_fits_every_screen(browser: Any, demo: Any, artifacts: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=artifacts / f"demo-{name}-{width}-{scheme}.png", full_page=True)

    page.goto(demo.url)
    look("1-login")
    page.route("**/challenge", lambda route: route.fulfill(json=hopeless()))
    page.get_by_label("User name").fill("ada")
    page.get_by_text(re.compile("tries by")).wait_for()
    look("2-working")
    button(page, "Cancel").click()
    page.get_by_role("status").get_by_text("Cancelled").wait_for()
    look("3-cancelled")
    page.unroute("**/challenge")
    page.get_by_label("Password").fill("correct horse")
    button(page, "Try again").click()
    page.get_by_role("status").get_by_text("Solved").wait_for()
    look("4-solved")
    button(page, "Log in").click()
    page.get_by_role("heading", name="Welcome, ada").wait_for()
    look("5-decision")
    button(page, "Send the same token twice").click()
    page.get_by_role("heading", name="CAPTCHA already used").wait_for()
    look("6-refused")
    context.close()


def test_without_javascript_the_page_says_what_will_happen(browser: Any, demo: Any, artifacts: Path) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 860}, java_script_enabled=False)
    page = context.new_page()
    fill(page, demo)
    assert "JavaScript is off." in page.locator("noscript").inner_text()
    page.screenshot(path=artifacts / "demo-without-javascript-375-light.png", full_page=True)
    button(page, "Log in").click()
    page.get_by_role("heading", name="CAPTCHA required").wait_for()
    context.close()


def hopeless(algorithm: str = "PBKDF2/SHA-256") -> dict[str, Any]:
    """A challenge that keeps every worker busy until it is ended."""
    parameters = {"algorithm": algorithm, "nonce": "00" * 16, "salt": "00" * 16, "cost": 5000, "keyLength": 32}
    return {"parameters": {**parameters, "keyPrefix": "00" * 16}, "signature": "00"}
