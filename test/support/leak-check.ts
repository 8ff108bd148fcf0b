/**
 * Loaded before every test file: fails the file when it leaves a child process, a socket or a
 * timer behind, instead of waiting for it for ever.
 */
import { readFileSync } from 'node:fs';
import { after } from 'node:test';

/** From the end of the tests: servers have to end, on a machine that runs other tests besides. */
const GRACE_MS = 20_000;

export const LEFT_BEHIND = 'left behind after the tests: ';

const isTestFile = process.env.NODE_TEST_CONTEXT !== undefined;
if (isTestFile) {
  forgetOption();
  // This hook runs before the file's own ones, so it only starts the clock; a process that has
  // nothing left ends before the timer, which does not hold it, fires.
  after(() => void setTimeout(failOnHeldProcess, GRACE_MS).unref());
  process.on('exit', failOnForgottenChildren);
}

/** A pool child that a test forks must not run this: it has no tests. */
function forgetOption(): void {
  const own = process.execArgv.findIndex(word => word.includes('leak-check'));
  if (own > 0) process.execArgv.splice(own - (process.execArgv[own] === '--import' ? 0 : 1), 2);
}

function failOnHeldProcess(): void {
  const left = process.getActiveResourcesInfo().filter(type => type !== 'PipeWrap');
  if (left.length === 0) return;
  report([...new Set([...left, ...children()])]);
  process.exit(1);
}

function failOnForgottenChildren(): void {
  const left = children();
  if (left.length === 0) return;
  report(left);
  process.exitCode = 1;
}

function report(left: readonly string[]): void {
  process.stderr.write(`${process.argv[1]}: ${LEFT_BEHIND}${left.join(', ')}\n`);
}

/** Commands of this process's children; the compiler's helper may stay. */
function children(): string[] {
  try {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
    return pids
      .split(' ')
      .filter(pid => pid !== '')
      .map(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim())
      .filter(command => command !== '' && !command.includes('esbuild'))
      .map(command => `child process "${command.slice(0, 80)}"`);
  } catch {
    return []; // not Linux, or a child ended while we looked
  }
}
