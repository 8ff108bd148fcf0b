/**
 * Loaded into a worker before everything else: on USR2 its process collects garbage and adds a
 * line with its memory to the file PROBE_FILE. Children of the pool are left alone.
 */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

if (process.env.PROBE_FILE && process.send === undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    appendFileSync(process.env.PROBE_FILE, `${JSON.stringify({ rss, heapUsed, external })}\n`);
  });
}
