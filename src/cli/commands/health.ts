/** `tscelery health`: quick, because probes run it every few seconds; it loads nothing of an app. */
import { expandHostName, expandNodePath, nodeName } from '../../base/node-name.ts';
import { EXIT } from '../../process/exit-codes.ts';
import {
  askServer,
  type Finding,
  lookAtHealthFile,
  lookAtPidfile,
} from '../../process/health/probe.ts';
import type { HEALTH } from '../declarations/health.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';

type HealthInvocation = Invocation<(typeof HEALTH)['options']>;
type HealthValues = HealthInvocation['values'];

const DEFAULT_TIMEOUT = 2;
const DEFAULT_HOST = '127.0.0.1';
/** Addresses that mean all of them to who listens, and none to who asks. */
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

export async function run({ values }: HealthInvocation): Promise<number> {
  const found: Finding[] = [];
  for (const look of looks(values)) {
    const finding = await look();
    if (!finding.isWell) {
      process.stderr.write(`not well: ${finding.reason}\n`);
      return EXIT.failure;
    }
    found.push(finding);
  }
  process.stdout.write(`${found.map(({ reason }) => reason).join(', ')}\n`);
  return EXIT.ok;
}

/** What was asked for, the cheapest first. @throws UsageError when that is nothing */
function looks(values: HealthValues): (() => Finding | Promise<Finding>)[] {
  const { healthFile, healthPort: port, healthSocket, pidfile, live } = values;
  const { timeout = DEFAULT_TIMEOUT, healthHost = DEFAULT_HOST } = values;
  const expanded = (path: string) =>
    expandNodePath(path, expandHostName(nodeName(values.hostname)));
  const page = live ? '/live' : '/ready';
  const host = EVERYWHERE[healthHost] ?? healthHost;
  const all = [
    ...(pidfile === undefined ? [] : [() => lookAtPidfile(expanded(pidfile))]),
    // it tells both in one
    ...(healthFile === undefined || live ? [] : [() => lookAtHealthFile(expanded(healthFile))]),
    ...(healthSocket === undefined
      ? []
      : [() => askServer({ socket: expanded(healthSocket) }, page, timeout)]),
    ...(port === undefined ? [] : [() => askServer({ port, host }, page, timeout)]),
  ];
  if (all.length > 0) return all;
  throw new UsageError(
    live && healthFile !== undefined
      ? 'A health file says no more than whether a worker is both alive and ready: leave out --live, or give --health-port, --health-socket or --pidfile.'
      : 'Say where the worker is: --health-port, --health-socket, --health-file or --pidfile.',
    { command: 'health' },
  );
}
