"""Sends tasks and prints what it measured as one line of JSON."""
import json
import sys
import time

from celery import chain, chord, group
from celery_app import add, noop, started, total

WARM_UP = 200
ENQUEUED = 5000
SPACED = 500
SPACING = 0.010
CHORD = 1000
CHAIN = 100
GROUP = 10000
TIMES = 3
SAME_BEFORE = 5


def enqueue():
    for _ in range(WARM_UP):
        noop.delay()
    start = time.monotonic()
    for _ in range(ENQUEUED):
        noop.delay()
    return {"oneByOne": ENQUEUED / (time.monotonic() - start)}


def latency():
    for _ in range(WARM_UP):
        started.delay().get(timeout=60)
    starts, results = [], []
    for _ in range(SPACED):
        sent = time.monotonic()
        begun = started.delay().get(timeout=60)
        done = time.monotonic()
        starts.append(begun - sent)
        results.append(done - sent)
        time.sleep(max(0, sent + SPACING - time.monotonic()))
    return {"starts": starts, "results": results}


def seconds(workflow, expected):
    """Of the shortest of some, warm as ours, from the call to the result in hand."""

    def once():
        start = time.monotonic()
        result = workflow().get(timeout=300)
        taken = time.monotonic() - start
        assert result == expected
        return taken

    warm = time.monotonic() + SAME_BEFORE
    once()
    while time.monotonic() < warm:
        once()
    return min(once() for _ in range(TIMES))


def workflows():
    noop.delay().get(timeout=60)
    parts = [add.s(i, i) for i in range(CHORD)]
    steps = [add.s(0, 1)] + [add.s(1)] * (CHAIN - 1)
    members = [add.s(i, 0) for i in range(GROUP)]
    return {
        "chord": seconds(lambda: chord(parts)(total.s()), CHORD * (CHORD - 1)),
        "chain": seconds(lambda: chain(*steps).delay(), CHAIN),
        "group": seconds(lambda: group(members).delay(), list(range(GROUP))),
    }


print(json.dumps({"enqueue": enqueue, "latency": latency, "workflows": workflows}[sys.argv[1]]()))
