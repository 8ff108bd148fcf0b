import { Queue, QueueEvents } from 'bullmq';
import { bulk, concurrent, latency, oneByOne, produce } from './producing.js';

const connection = { host: '127.0.0.1', port: Number(process.env.BENCH_REDIS_PORT) };
const queue = new Queue('bench', { connection });
const NOTHING = { args: [], kwargs: {} };
const CHUNK = 1000;

const jobs = count => Array.from({ length: count }, () => ({ name: 'noop', data: NOTHING }));

await produce({
  async fill(count) {
    for (let left = Number(count); left > 0; left -= CHUNK) {
      await queue.addBulk(jobs(Math.min(left, CHUNK)));
    }
  },
  async enqueue() {
    const send = () => queue.add('noop', NOTHING);
    return {
      oneByOne: await oneByOne(send),
      concurrent: await concurrent(send),
      bulk: await bulk(count => queue.addBulk(jobs(count))),
    };
  },
  async latency() {
    const events = new QueueEvents('bench', { connection });
    await events.waitUntilReady();
    const result = await latency(async () => {
      const job = await queue.add('started', NOTHING);
      return job.waitUntilFinished(events, 60_000);
    });
    await events.close();
    return result;
  },
});
await queue.close();
