/**
 * Runs test files several at a time, in the order given, which `node --test` does not keep: so
 * that the long ones come first, and no processor is idle at the end.
 *
 *   node --import ./test/support/typescript-loader.mjs scripts/run-tests.ts CONCURRENCY FILE_TIMEOUT_MS FILES…
 */
import { readFileSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { LEFT_BEHIND } from '../test/support/leak-check.ts';
import { offerRabbitmq } from '../test/support/shared-rabbitmq.ts';
import { groupFiles } from './test-groups.ts';

const [concurrency, timeout, ...files] = process.argv.slice(2);

/** What a file that shares the node of the run imports. */
const SHARES_RABBITMQ = /shared-rabbitmq|sharedRabbitmqWithRpc|rpcBrokers/;
const sharing = files.filter(file => SHARES_RABBITMQ.test(readFileSync(file, 'utf8')));
// a single one starts its own as fast
const stopRabbitmq = sharing.length > 1 ? await offerRabbitmq() : undefined;

/** What only looks at values; who starts a server or a process is on its own. */
const STARTS =
  /support\/(servers|worker|cli|python|rabbitmq|shared-rabbitmq|program)\.ts|child_process/;
const isSmall = (file: string) =>
  file.startsWith('test/unit/') && !STARTS.test(readFileSync(file, 'utf8'));
const groups = await groupFiles(files, isSmall);

const events = run({
  files: [...groups.files],
  concurrency: Number(concurrency),
  timeout: Number(timeout),
});
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
events.once('end', () => {
  void stopRabbitmq?.();
  void groups.remove();
});
events.compose(new spec()).pipe(process.stdout);
