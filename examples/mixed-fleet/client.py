"""A Python caller of both halves; client.ts is a TypeScript one."""
from fleet import app, price, render

print("price:", price.delay("tea", quantity=3).get(timeout=30)["cents"])
print("report:", render.delay("Sales", [4, 5]).get(timeout=30))

# A task whose code is in TypeScript: by name, with keyword arguments.
mail = app.send_task("mail.send", kwargs={"to": "eve@example.org", "subject": "Hello"})
print("mail:", mail.get(timeout=30))
