import { concurrent, latency, oneByOne, produce } from './producing.js';
import { app, noop, started } from './tscelery-app.js';

await produce({
  async enqueue() {
    const send = () => noop.delay();
    return { oneByOne: await oneByOne(send), concurrent: await concurrent(send) };
  },
  latency: () => latency(async () => (await started.delay()).get({ timeout: 60 })),
});
await app.close();
