/**
 * Random values of every kind, as arguments, as results and as errors, through each pool: each has to
 * arrive equal, in the form that docs/compatibility.md gives, or as an EncodeError. No child may die,
 * no caller may wait, and the worker's log may tell of nothing else.
 *
 *   npm run build && node --import tsx scripts/fuzz/values.ts [OPTIONS]
 *
 *   --count 10000                         values for each pool
 *   --seed 1                              another one makes other values
 *   --pools prefork,threads,async,solo
 *   --serializer json                     or yaml, or msgpack
 *   --show INDEX                          only prints what the value and error of this number are
 *
 * Starts a Redis server of its own. Prints a table; exit code 1 when something went wrong.
 */
import { inspect, parseArgs } from 'node:util';
import { startRedis } from '../../test/support/servers.ts';
import { FORMATS, type Found, fuzz, POOLS, type Run } from './fuzz-run.ts';
import { errorAt } from './random-errors.ts';
import { valueAt } from './random-values.ts';

const MOST_SHOWN = 20;

function known<T extends string>(name: string, names: readonly T[]): T {
  const found = names.find(one => one === name);
  if (found === undefined) throw new RangeError(`${name} is none of ${names.join(', ')}`);
  return found;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${text} is no whole number`);
  return value;
}

function report({ pool, format, count, seed }: Run, found: Found): void {
  const { equal, documented, refused, seconds, wrong } = found;
  for (const line of wrong.slice(0, MOST_SHOWN)) console.log(`WRONG ${pool}: ${line}`);
  const figures = [equal, documented, refused, wrong.length, seconds.toFixed(0)];
  console.log(`| ${[pool, format, seed, count, ...figures].join(' | ')} |`);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      pools: { type: 'string', default: POOLS.join() },
      serializer: { type: 'string', default: 'json' },
      show: { type: 'string' },
    },
  });
  const seed = whole(values.seed);
  const format = known(values.serializer, FORMATS);
  if (values.show !== undefined) {
    const index = whole(values.show);
    console.log(
      inspect([valueAt(seed, index, format), errorAt(seed, index, format)], { depth: 8 }),
    );
    return true;
  }
  const pools = values.pools.split(',').map(name => known(name, POOLS));
  const server = await startRedis();
  let isClean = true;
  console.log('| pool | serializer | seed | count | equal | documented | refused | wrong | s |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  try {
    for (const pool of pools) {
      const run = { pool, format, seed, count: whole(values.count), url: server.url };
      const found = await fuzz(run);
      report(run, found);
      isClean &&= found.wrong.length === 0;
    }
  } finally {
    await server.stop();
  }
  return isClean;
}

process.exitCode = (await main()) ? 0 : 1;
