/**
 * Sends tasks of several kinds and shows what becomes of each. `scripts/quickstart` runs it
 * beside a worker; it ends with exit code 1 when a result is not what it should be.
 */
import { inspect, isDeepStrictEqual, styleText } from 'node:util';
import type { AsyncResult, ResultMeta } from 'tscelery';
import { add, app, crawl, divide, flaky, greet } from './app.ts';

type Color = Parameters<typeof styleText>[0];

const TIMEOUT = 30;
const hasColor = process.stdout.isTTY && !process.env.NO_COLOR;
const COLORS: Readonly<Record<string, Color>> = {
  SUCCESS: 'green',
  FAILURE: 'red',
  RETRY: 'yellow',
  PROGRESS: 'cyan',
};

const started = performance.now();
let mistakes = 0;

// A plain function.
await watch('add(2, 3)', await add.delay(2, 3), 5);

// An async function.
await watch('greet("Ada")', await greet.delay('Ada'), 'Hello, Ada!');

// A failure reaches whoever waits for the result.
await watch('divide(1, 0)', await divide.delay(1, 0), new RangeError('division by zero'));

// Fails twice and asks to be run again.
await watch(
  'flaky("The printer")',
  await flaky.delay('The printer'),
  'The printer after 2 retries',
);

// Says how far it is.
const states = await watch('crawl(4)', await crawl.delay(4), { pages: 4 });
if (!states.includes('PROGRESS')) mistake('crawl told nothing about its progress');

// Starts no earlier than in a second.
const sent = performance.now();
await watch('add(20, 22), countdown 1', await add.applyAsync([20, 22], { countdown: 1 }), 42);
if (performance.now() - sent < 990) mistake('the countdown was not kept');

await app.close();
process.exitCode = mistakes === 0 ? 0 : 1;

/** Shows each state of a task until it is done; resolves with the states seen. */
async function watch(call: string, result: AsyncResult, expected: unknown): Promise<string[]> {
  const states: string[] = [];
  const onMessage = ({ status, result: value }: ResultMeta) => {
    states.push(status);
    if (status === 'RETRY') line('', status, messageOf(value));
    if (status === 'PROGRESS') line('', status, inspect(value));
  };

  line(call, 'sent');
  const outcome = await result.get({ timeout: TIMEOUT, propagate: false, onMessage });

  const failed = (outcome as unknown) instanceof Error;
  line('', failed ? 'FAILURE' : 'SUCCESS', failed ? String(outcome) : inspect(outcome));
  if (!isSame(outcome, expected)) mistake(`${call} should have given ${inspect(expected)}`);
  return states;
}

function isSame(outcome: unknown, expected: unknown): boolean {
  return expected instanceof Error
    ? String(outcome) === String(expected)
    : isDeepStrictEqual(outcome, expected);
}

/** The message of an error in the form in which results keep it. */
function messageOf(stored: unknown): string {
  const { exc_message: message } = (stored ?? {}) as { exc_message?: unknown };
  return String(Array.isArray(message) ? message[0] : message);
}

function line(call: string, state: string, detail = ''): void {
  const time = `${((performance.now() - started) / 1000).toFixed(2)} s`.padStart(8);
  const text = `${time}  ${call.padEnd(26)}${painted(state.padEnd(10), COLORS[state])}${detail}`;
  console.log(text.trimEnd());
}

function mistake(text: string): void {
  mistakes += 1;
  console.log(painted(`${' '.repeat(10)}Not as expected: ${text}`, 'red'));
}

function painted(text: string, color: Color | undefined): string {
  return hasColor && color ? styleText(color, text) : text;
}
