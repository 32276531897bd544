"""The same requests through both adapters: what a user of either would notice."""

from __future__ import annotations

from support.world import TOKEN


def test_a_good_token_reaches_the_application_with_its_decision(world):
    here = world()
    response = here.post(data=TOKEN)
    assert response.text == "hello"
    [seen] = here.seen
    assert (seen.decision.outcome, seen.decision.verified, seen.decision.rule) == ("passed", True, "login")
