/**
 * Workers that never have a moment without work: what they hold must not grow, neither in the main
 * process nor in any child. One run for each pool, broker and variant; garbage is collected three
 * times in the second and three times in the last quarter of each run, whose medians are compared.
 *
 *   npm run build && node --import tsx scripts/soak/never-idle.ts [OPTIONS]
 *
 *   --pools prefork,threads,async,solo    which pools; default all, as with the next two
 *   --brokers redis,rabbitmq,sqlite
 *   --variants results,no-results,late-acks,retries,etas,failures,time-limits
 *   --seconds 30                          of each run
 *   --tasks 50000                         of each run, instead of seconds
 *   --at-once 1                           runs that go on side by side
 *
 * Starts servers of its own. Prints a table; exit code 1 when something grew, or when a queue was
 * found empty, since then nothing is proved.
 */
import { parseArgs } from 'node:util';
import { type Found, type Length, POOLS, type Run, soak, VARIANTS } from './never-idle-run.ts';
import { HEADER, isFlat, rowsOf } from './never-idle-table.ts';
import { BROKERS, PrivateBrokers } from './private-brokers.ts';

function chosen<T extends string>(given: string | undefined, known: readonly T[]): readonly T[] {
  const names = given?.split(',') ?? known;
  const wrong = names.find(name => !(known as readonly string[]).includes(name));
  if (wrong !== undefined) throw new RangeError(`${wrong} is none of ${known.join(', ')}`);
  return names as readonly T[];
}

function positive(given: string, name: string): number {
  const value = Number(given);
  if (!(value > 0)) throw new RangeError(`--${name} has to be more than 0; it is ${given}`);
  return value;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      pools: { type: 'string' },
      brokers: { type: 'string' },
      variants: { type: 'string' },
      seconds: { type: 'string', default: '30' },
      tasks: { type: 'string' },
      'at-once': { type: 'string', default: '1' },
    },
  });
  const pools = chosen(values.pools, POOLS);
  const variants = chosen(values.variants, VARIANTS);
  const runs = chosen(values.brokers, BROKERS).flatMap(broker =>
    variants.flatMap(variant => pools.map((pool): Run => ({ pool, broker, variant }))),
  );
  const length: Length = values.tasks
    ? { tasks: positive(values.tasks, 'tasks') }
    : { seconds: positive(values.seconds, 'seconds') };
  const brokers = new PrivateBrokers();
  const waiting = [...runs];
  const found = new Map<Run, Found>();
  const next = async () => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      const result = await soak(run, await brokers.place(run.broker), length);
      found.set(run, result);
      // the whole table comes at the end, which may be far away
      console.log(rowsOf(run, result).join('\n'));
    }
  };
  try {
    await Promise.all(Array.from({ length: positive(values['at-once'], 'at-once') }, next));
  } finally {
    await brokers.stop();
  }
  const isClean = [...found.values()].every(isFlat);
  console.log(`\n${HEADER}`);
  for (const [run, result] of found) console.log(rowsOf(run, result).join('\n'));
  console.log(isClean ? '\nNothing grows.' : '\nNOT CLEAN');
  return isClean;
}

process.exitCode = (await main()) ? 0 : 1;
