"""One Redis between several processes, of their own or forked: each key goes to one, each reply to its asker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent.parent

RACE = """
import random, sys
from support.stores import Driven
from captcha_gate.effects import Claim, Get, Increment

store = Driven.redis(*sys.argv[1:])
store.perform(Increment("racers", 100))
while store.perform(Get("racers")) != "4":
    pass
# In an order of its own: whoever leads in a common one takes everything.
print(*(number for number in random.sample(range(1000), 1000) if store.perform(Claim(str(number), 100))))
store.close()
"""

FORK = """
import os, sys
from support.stores import Driven
from captcha_gate.effects import Get, Put

store = Driven.redis(*sys.argv[1:])
store.perform(Put("before", "the fork", 100))
child = os.fork()
me = "parent" if child else "child"
if not child and store._runner:
    store = Driven(store.store)  # a loop cannot be shared
for number in range(300):
    store.perform(Put(me, f"{me} {number}", 100))
    assert store.perform(Get(me)) == f"{me} {number}"
assert store.perform(Get("before")) == "the fork"
if not child:
    store.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert store.perform(Get("child")) == "child 299"
store.close()
"""

FORK_AMID_OPERATIONS = """
import os, sys
from support.stores import Driven
from captcha_gate.effects import Claim
from captcha_gate.stores.redis import MAX_CONNECTIONS

store = Driven.redis("wsgi", sys.argv[1])
store.perform(Claim("a", 100))
for _ in range(MAX_CONNECTIONS):  # as threads hold them that wait for an answer, and do not come along
    store.store._here.slots.acquire()
store.store._here.health._lock.acquire()
if os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
assert store.perform(Claim("a", 100)) is False
assert store.perform(Claim("b", 100)) is True
store.close()
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # what it forks ends with it
    )


def output_of(process):
    """What a process printed, once it has ended well."""
    try:
        output, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0
    return output


def test_of_several_processes_each_key_goes_to_one(redis_server):
    racers = [start(RACE, kind, redis_server.url) for kind in ("wsgi", "asgi", "wsgi", "asgi")]
    taken = [output_of(racer).split() for racer in racers]
    assert Counter(number for each in taken for number in each) == {str(number): 1 for number in range(1000)}
    assert sum(bool(each) for each in taken) > 1  # it was a race


def test_a_store_that_was_used_before_a_fork_serves_both_sides(redis_server, kind):
    output_of(start(FORK, kind, redis_server.url))


def test_a_fork_amid_operations_of_other_threads_leaves_the_child_all_its_connections(redis_server):
    output_of(start(FORK_AMID_OPERATIONS, redis_server.url))
