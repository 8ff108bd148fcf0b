/** The same course of sending for every system that runs on Node. */
import { setTimeout as sleep } from 'node:timers/promises';

const WARM_UP = 200;
const ENQUEUED = 10_000;
const ENQUEUED_AT_ONCE = 50_000;
const IN_FLIGHT = 1000;
const SPACED = 500;
/** Seconds. */
const SPACING = 0.01;

/** Seconds of the machine's clock that never jumps, the same in every process. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e9;

/** Sends per second, each awaited before the next. */
export async function oneByOne(send) {
  for (let i = 0; i < WARM_UP; i++) await send();
  const start = monotonic();
  for (let i = 0; i < ENQUEUED; i++) await send();
  return ENQUEUED / (monotonic() - start);
}

/** Sends per second with a thousand on their way at any time. */
export async function concurrent(send) {
  let left = ENQUEUED_AT_ONCE;
  const sender = async () => {
    while (left-- > 0) await send();
  };
  const start = monotonic();
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
  return ENQUEUED_AT_ONCE / (monotonic() - start);
}

/** Sends per second when the library takes a list. */
export async function bulk(sendMany) {
  const start = monotonic();
  for (let sent = 0; sent < ENQUEUED_AT_ONCE; sent += IN_FLIGHT) await sendMany(IN_FLIGHT);
  return ENQUEUED_AT_ONCE / (monotonic() - start);
}

/**
 * Seconds to the start of a task and to its result, of tasks sent one after the other to an
 * idle worker. `call` resolves with the result: when the task started.
 */
export async function latency(call) {
  for (let i = 0; i < WARM_UP; i++) await call();
  const starts = [];
  const results = [];
  for (let i = 0; i < SPACED; i++) {
    const sent = monotonic();
    const begun = await call();
    const done = monotonic();
    starts.push(begun - sent);
    results.push(done - sent);
    await sleep(Math.max(0, sent + SPACING - monotonic()) * 1000);
  }
  return { starts, results };
}

/** The measurements of a program by the word on its command line; prints one line of JSON. */
export async function produce(measurements) {
  const [, , what, ...args] = process.argv;
  console.log(JSON.stringify((await measurements[what](...args)) ?? {}));
}
