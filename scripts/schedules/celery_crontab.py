"""What Python Celery says to crontabs: JSON on stdin, JSON on stdout. Run by compare-python.ts.

Input `times`: [fields of crontab, zone, local time to start from]; output for each the ten next local
times, or the error. Input `fields`: [longest, smallest, text]; output the numbers, or the error.
"""
import json
import sys
from datetime import datetime

from celery import Celery
from celery.schedules import crontab, crontab_parser

NAMES = ('minute', 'hour', 'day_of_week', 'day_of_month', 'month_of_year')
apps = {}


class LocalCrontab(crontab):
    """5.2 reads the midnights it compares with as UTC, and so skips days west of Greenwich; 5.3 does as here."""

    def maybe_make_aware(self, dt):
        return self.app.timezone.localize(dt) if dt.tzinfo is None else dt


def app_in(zone):
    if zone not in apps:
        apps[zone] = Celery(set_as_current=False)
        apps[zone].conf.update(timezone=zone, enable_utc=True)
    return apps[zone]


def ten_times(fields, zone, start):
    app = app_in(zone)
    last = datetime.fromisoformat(start)
    now = [last]
    schedule = LocalCrontab(**dict(zip(NAMES, fields)), app=app, nowfun=lambda: now[0])
    times = []
    for _ in range(10):
        now[0] = app.timezone.localize(last)
        _, delta, _ = schedule.remaining_delta(now[0])
        last = last + delta
        times.append(last.isoformat(timespec='minutes'))
    return times


def numbers(size, smallest, text):
    return sorted(crontab_parser(size, smallest).parse(text))


def answer(function, arguments):
    try:
        return function(*arguments)
    except Exception as exc:
        return f'{type(exc).__name__}: {exc}'


def main():
    asked = json.load(sys.stdin)
    json.dump({
        'times': [answer(ten_times, row) for row in asked['times']],
        'fields': [answer(numbers, row) for row in asked['fields']],
    }, sys.stdout)


main()
