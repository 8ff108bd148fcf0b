"""Sends tasks and prints what it measured as one line of JSON."""
import json
import sys
import time

from celery_app import noop, started

WARM_UP = 200
ENQUEUED = 5000
SPACED = 500
SPACING = 0.010


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


print(json.dumps({"enqueue": enqueue, "latency": latency}[sys.argv[1]]()))
