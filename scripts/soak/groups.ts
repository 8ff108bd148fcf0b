/**
 * A group, and the header of a chord, of a million members that a generator gives: the memory of the
 * program that sends them has to stay flat.
 *
 *   node --import tsx --expose-gc scripts/soak/groups.ts [MEMBERS]
 *
 * Starts a Redis server of its own, which is emptied while it fills. Prints a table; exit code 1 when
 * memory grew.
 */
import { Celery, chord, group } from '../../src/index.ts';
import { startRedis } from '../../test/support/servers.ts';
import { median } from './quarters.ts';

const TENTHS = 10;
/** Megabytes of living objects by which the last tenths may be above those after the first. */
const TOLERANCE = 4;

interface Tenth {
  readonly seconds: number;
  /** Megabytes of living objects. */
  readonly heap: number;
  /** Megabytes as the system sees them. */
  readonly rss: number;
}

type Kind = 'group' | 'chord';

async function main(members: number): Promise<boolean> {
  const server = await startRedis();
  const settings = { broker_url: server.url, result_backend: server.url };
  const app = new Celery('soak', settings);
  const noop = app.task('soak.noop', { ignoreResult: true }, (_: number) => {});
  const end = app.task('soak.end', (_: unknown[]) => {});
  const redis = server.client();
  const tenths: Tenth[] = [];
  const start = performance.now();
  async function* numbers() {
    for (let i = 0; i < members; i++) {
      yield noop.s(i);
      if ((i + 1) % Math.ceil(members / TENTHS) > 0) continue;
      await redis.del('celery');
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      const seconds = (performance.now() - start) / 1000;
      tenths.push({ seconds, heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 });
    }
  }
  const apply: Record<Kind, () => Promise<unknown>> = {
    group: () => group(numbers()).applyAsync([], { ignoreResult: true }),
    chord: () => chord(numbers(), end.s()).delay(),
  };
  const isFlat: boolean[] = [];
  try {
    for (const kind of ['group', 'chord'] as const) {
      tenths.length = 0;
      await apply[kind]();
      isFlat.push(report(kind, tenths, members));
    }
  } finally {
    await app.close();
    await server.stop();
  }
  return isFlat.every(Boolean);
}

function report(kind: Kind, tenths: readonly Tenth[], members: number): boolean {
  console.log(`\n${members.toLocaleString('en')} members of a ${kind}`);
  console.table(
    tenths.map(({ seconds, heap, rss }) => ({
      seconds: seconds.toFixed(1),
      'heap MB': heap.toFixed(1),
      'rss MB': rss.toFixed(0),
    })),
  );
  const heaps = tenths.map(({ heap }) => heap);
  const growth = median(heaps.slice(-3)) - median(heaps.slice(1, 4));
  const isFlat = growth < TOLERANCE;
  console.log(`Living objects grew by ${growth.toFixed(1)} MB: ${isFlat ? 'flat' : 'NOT FLAT'}`);
  return isFlat;
}

if (!globalThis.gc) throw new Error('It needs node --expose-gc.');
const isFlat = await main(Number(process.argv[2] ?? 1_000_000));
process.exitCode = isFlat ? 0 : 1;
