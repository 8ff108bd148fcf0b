import { Worker } from 'bullmq';
import processJob from './bullmq-processor.js';

const { BENCH_REDIS_PORT, BENCH_CONCURRENCY, BENCH_SANDBOXED, BENCH_KEEP } = process.env;
const processor = BENCH_SANDBOXED ? new URL('bullmq-processor.js', import.meta.url) : processJob;

const worker = new Worker('bench', processor, {
  connection: { host: '127.0.0.1', port: Number(BENCH_REDIS_PORT) },
  concurrency: Number(BENCH_CONCURRENCY),
  ...(BENCH_KEEP ? {} : { removeOnComplete: { count: 0 } }),
});
worker.on('error', error => console.error(error));
worker.on('failed', (_job, error) => console.error(error));
process.on('SIGTERM', async () => {
  await worker.close();
  process.exit(0);
});
await worker.waitUntilReady();
console.log('ready.');
