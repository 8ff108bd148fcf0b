/**
 * Workers that never have a moment without work: what they hold must not grow, neither in the main
 * process nor in any child. One run for each pool, broker and variant; garbage is collected at a
 * quarter and at nine tenths of each run.
 *
 *   npm run build && node --import tsx scripts/soak/never-idle.ts [OPTIONS]
 *
 *   --pools prefork,threads,async,solo    which pools; default all, as with the next two
 *   --brokers redis,rabbitmq,sqlite
 *   --variants results,no-results,late-acks,retries,etas
 *   --seconds 30                          of each run
 *   --at-once 1                           runs that go on side by side
 *
 * Starts servers of its own. Prints a table; exit code 1 when something grew, or when a queue was
 * found empty, since then nothing is proved.
 */
import { parseArgs } from 'node:util';
import { POOLS, type Run, soak, VARIANTS } from './never-idle-run.ts';
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
      'at-once': { type: 'string', default: '1' },
    },
  });
  const pools = chosen(values.pools, POOLS);
  const variants = chosen(values.variants, VARIANTS);
  const runs = chosen(values.brokers, BROKERS).flatMap(broker =>
    variants.flatMap(variant => pools.map((pool): Run => ({ pool, broker, variant }))),
  );
  const seconds = positive(values.seconds, 'seconds');
  const brokers = new PrivateBrokers();
  let isClean = true;
  const next = async () => {
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      const found = await soak(run, await brokers.place(run.broker), seconds);
      for (const row of rowsOf(run, found)) console.log(row);
      isClean &&= isFlat(found);
    }
  };
  try {
    console.log(HEADER);
    await Promise.all(Array.from({ length: positive(values['at-once'], 'at-once') }, next));
  } finally {
    await brokers.stop();
  }
  console.log(isClean ? '\nNothing grows.' : '\nNOT CLEAN');
  return isClean;
}

process.exitCode = (await main()) ? 0 : 1;
