"""The Python half of a fleet; app.ts is the other one. Both read celeryconfig.json.

    celery -A fleet worker --loglevel INFO --queues celery,python
"""
import json
from pathlib import Path

from celery import Celery

app = Celery("shop")
app.conf.update(json.loads(Path(__file__).with_name("celeryconfig.json").read_text()))


@app.task(name="shop.price")
def price(article, quantity=1):
    """In both halves under one name: whichever worker is free takes it."""
    return {"article": article, "cents": len(article) * 100 * quantity, "computedBy": "Python"}


@app.task(name="reports.render")
def render(title, rows):
    """Only here."""
    if not rows:
        raise ValueError("nothing to report")
    return f"{title}: {sum(rows)}"
