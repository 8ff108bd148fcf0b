"""Writes test/golden/schedules/solar.json: events of the sun as ephem, which Celery uses, tells them.

    python3 scripts/schedules/solar_vectors.py > test/golden/schedules/solar.json

Needs the package ephem (Debian: python3-ephem).
"""
import json
import random
from datetime import datetime, timedelta

import ephem

# of Celery 5.6; 5.2 has 18 for the last one
EVENTS = {
    'dawn_astronomical': ('-18', 'next_rising', True),
    'dawn_nautical': ('-12', 'next_rising', True),
    'dawn_civil': ('-6', 'next_rising', True),
    'sunrise': ('-0:34', 'next_rising', False),
    'solar_noon': ('0', 'next_transit', None),
    'sunset': ('-0:34', 'next_setting', False),
    'dusk_civil': ('-6', 'next_setting', True),
    'dusk_nautical': ('-12', 'next_setting', True),
    'dusk_astronomical': ('-18', 'next_setting', True),
}
PLACES = [
    (52.52, 13.405), (-37.81753, 144.96715), (0, 0), (64.15, -21.94), (69.65, 18.96),
    (40.71, -74.01), (-54.8, -68.3), (1.35, 103.82), (-77.85, 166.67), (21.3, -157.86),
]


def event_after(event, latitude, longitude, start):
    horizon, method, center = EVENTS[event]
    place = ephem.Observer()
    place.lat, place.lon = str(latitude), str(longitude)
    place.elev, place.pressure, place.horizon = 0, 0, horizon
    moment = start
    for _ in range(400):
        options = {} if center is None else {'use_center': center}
        try:
            found = getattr(place, method)(ephem.Sun(), start=moment, **options)
        except ephem.CircumpolarError:
            place.date = moment
            moment = (place.next_antitransit(ephem.Sun()).datetime() + timedelta(minutes=1))
            continue
        return found.datetime()
    raise RuntimeError('no event')


def main():
    choose = random.Random(20260302)
    rows = []
    for latitude, longitude in PLACES:
        for event in EVENTS:
            for _ in range(5):
                start = datetime(2024, 1, 1) + timedelta(minutes=choose.randrange(7 * 365 * 1440))
                due = event_after(event, latitude, longitude, start)
                rows.append([event, latitude, longitude, start.isoformat() + 'Z',
                             due.isoformat(timespec='seconds') + 'Z'])
    print('[\n' + ',\n'.join(json.dumps(row) for row in rows) + '\n]')


main()
