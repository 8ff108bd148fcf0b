/** A TypeScript caller of both halves; client.py is a Python one. Run it with `npx jiti client.ts`. */
import { RemoteTaskError } from 'tscelery';
import { app, price, render, sendMail } from './app.ts';

const wait = { timeout: 30 };

const prices = await Promise.all(['tea', 'milk', 'sugar'].map(article => price.delay(article, 2)));
for (const result of prices) {
  const { article, cents } = await result.get(wait);
  console.log(`price: ${article} ${cents}`);
}

const mail = await sendMail.delay('bob@example.org', { subject: 'Your order' });
console.log(`mail: ${await mail.get(wait)}`);

const report = await render.delay('Sales', [1, 2, 3]);
console.log(`report: ${await report.get(wait)}`);

// An exception raised in Python, with its own name and traceback.
const failed = await render.delay('Sales', []);
const error: unknown = await failed.get(wait).catch((reason: unknown) => reason);
if (error instanceof RemoteTaskError) console.log(`failed: ${error.name}: ${error.message}`);

await app.close();
