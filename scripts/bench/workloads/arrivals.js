/**
 * Takes what a beat sends off its queue for some seconds, and prints how late it came: with `grid`
 * against due times a second apart, with `drift` against a second after the run before, for a beat
 * that counts from there.
 */
import { Redis } from 'ioredis';

const [url, seconds, mode] = process.argv.slice(2);
const redis = new Redis(url);
// what was sent before
await redis.del('celery');
/** By the number of the entry. */
const arrivals = new Map();
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
  const found = await redis.blmpop(1, 1, 'celery', 'RIGHT', 'COUNT', 1000);
  const at = performance.now();
  for (const text of found?.[1] ?? []) {
    const [[entry]] = JSON.parse(Buffer.from(JSON.parse(text).body, 'base64').toString());
    const known = arrivals.get(entry);
    if (known) known.push(at);
    else arrivals.set(entry, [at]);
  }
}
redis.disconnect();

const late = [];
let sent = 0;
for (const times of arrivals.values()) {
  sent += times.length;
  const base = Math.min(...times.map((at, i) => at - i * 1000));
  const after = (at, i) => (mode === 'grid' ? at - base - i * 1000 : at - times[i - 1] - 1000);
  late.push(...times.map(after).slice(1));
}
late.sort((a, b) => a - b);
const at = share => late[Math.floor((late.length - 1) * share)] ?? Number.NaN;
console.log(JSON.stringify({ entries: arrivals.size, sent, late50: at(0.5), late99: at(0.99) }));
