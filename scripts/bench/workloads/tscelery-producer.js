import { chain, chord, group } from '../../../dist/index.js';
import { concurrent, latency, monotonic, oneByOne, produce } from './producing.js';
import { add, app, noop, started, sum } from './tscelery-app.js';

const CHORD = 1000;
const CHAIN = 100;
const GROUP = 10_000;
const TIMES = 3;
/** Seconds of the same before that: workers run for days, and compilers need some of it. */
const WARM_UP = 5;

const numbers = count => Array.from({ length: count }, (_, i) => i);

/** Of the shortest of some, warm, from the call to the result in hand. */
async function seconds(workflow, expected) {
  const once = async () => {
    const start = monotonic();
    const result = await (await workflow()).get({ timeout: 300 });
    const taken = monotonic() - start;
    if (String(result) !== String(expected)) throw new Error(`got ${result}`);
    return taken;
  };
  const isWarm = monotonic() + WARM_UP;
  do await once();
  while (monotonic() < isWarm);
  const taken = [];
  for (let i = 0; i < TIMES; i++) taken.push(await once());
  return Math.min(...taken);
}

await produce({
  async enqueue() {
    const send = () => noop.delay();
    return { oneByOne: await oneByOne(send), concurrent: await concurrent(send) };
  },
  async workflows() {
    await (await noop.delay()).get({ timeout: 60 });
    const parts = numbers(CHORD).map(i => add.s(i, i));
    const steps = [add.s(0, 1), ...numbers(CHAIN - 1).map(() => add.s(1))];
    const members = numbers(GROUP).map(i => add.s(i, 0));
    return {
      chord: await seconds(() => chord(parts, sum.s()).delay(), CHORD * (CHORD - 1)),
      chain: await seconds(() => chain(...steps).delay(), CHAIN),
      group: await seconds(() => group(members).delay(), numbers(GROUP)),
    };
  },
  latency: () => latency(async () => (await started.delay()).get({ timeout: 60 })),
});
await app.close();
