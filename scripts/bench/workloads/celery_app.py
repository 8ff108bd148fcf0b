"""The app of the measured Python worker."""
import os
import time

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BACKEND"] or None)
app.conf.beat_schedule = {
    f"e{i}": {"task": "bench.echo", "schedule": float(os.environ["BENCH_EVERY"]), "args": [i]}
    for i in range(int(os.environ.get("BENCH_ENTRIES", "0")))
}
app.conf.task_ignore_result = not os.environ["BENCH_BACKEND"]


@app.task(name="bench.noop")
def noop():
    return 42


@app.task(name="bench.echo")
def echo(value):
    return value


@app.task(name="bench.started")
def started():
    """Seconds of the machine's clock that never jumps, the same in every process."""
    return time.monotonic()


@app.task(name="bench.add")
def add(x, y):
    return x + y


@app.task(name="bench.sum")
def total(values):
    return sum(values)
