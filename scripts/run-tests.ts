/**
 * Runs test files several at a time, in the order given, which `node --test` does not keep: so
 * that the long ones come first, and no processor is idle at the end.
 *
 *   node --import ./test/support/typescript-loader.mjs scripts/run-tests.ts CONCURRENCY FILE_TIMEOUT_MS FILES…
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { LEFT_BEHIND } from '../test/support/leak-check.ts';

const [concurrency, timeout, ...files] = process.argv.slice(2);

const events = run({ files, concurrency: Number(concurrency), timeout: Number(timeout) });
events.on('test:fail', () => {
  process.exitCode = 1;
});
// a file that leaves something behind fails without a test that does
const leftBehind: string[] = [];
events.on('test:stderr', ({ message }) => {
  if (message.includes(LEFT_BEHIND)) leftBehind.push(message.trim());
});
process.on('exit', () => {
  for (const message of leftBehind) console.log(message);
});
events.compose(new spec()).pipe(process.stdout);
