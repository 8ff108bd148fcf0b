/** The end of a chord in this process, by the code of a worker. */
import { randomUUID } from 'node:crypto';
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import type { ChordPart } from '../../backends/contract.ts';
import type { Logger } from '../../base/logger.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { ExecutionPorts, RunnableTask } from '../../execute/ports.ts';
import { executeTask } from '../../execute/run/run-task.ts';
import { completeChord } from '../../execute/task-context.ts';
import { buildTaskMessage } from '../../wire/messages/task-message.ts';

const UNLOCK = 'celery.chord_unlock';

export interface CompleteChord {
  readonly groupId: string;
  readonly body: SignatureData;
  readonly parts: readonly ChordPart[];
}

/**
 * Sends the body with the results of the parts, or gives it up when one has failed, as a worker does
 * that runs `celery.chord_unlock`.
 *
 * @returns why the body was given up; undefined when it was sent
 * @throws what kept the body from being sent, when it may be tried again
 */
export async function completeHere(
  app: Celery,
  { groupId, body, parts }: CompleteChord,
): Promise<string | undefined> {
  const reasons: string[] = [];
  const place = { groupId, index: null, body };
  const task = unlocking(context => completeChord(context, place, parts));
  const id = randomUUID();
  const { root_id: root } = body.options;
  const message = buildTaskMessage({
    task: UNLOCK,
    id,
    args: [groupId],
    kwargs: {},
    rootId: typeof root === 'string' ? root : id,
    ignoreResult: true,
  });
  const source = { message, exchange: '', routingKey: '', redelivered: false };
  const { outcome } = await executeTask(task, source, await portsOf(app, reasons));
  if (outcome.kind === 'failure') throw outcome.error;
  return reasons.length > 0 ? reasons.join('\n') : undefined;
}

/** No worker is seen to run anything. */
async function portsOf(app: Celery, reasons: string[]): Promise<ExecutionPorts> {
  const node = { hostname: '', logger: listening(reasons) };
  const { sendEvent, signals, tracing, ...ports } = await app[INTERNALS].executionPorts(node);
  return { ...ports, accept: new Set([...ports.accept, 'application/json']) };
}

function unlocking(invoke: RunnableTask['invoke']): RunnableTask {
  return {
    name: UNLOCK,
    maxRetries: null,
    defaultRetryDelay: 0,
    ignoreResult: true,
    trackStarted: false,
    storeErrorsEvenIfIgnored: false,
    resultReprMaxsize: 1024,
    excModule: UNLOCK,
    isExpected: () => false,
    invoke,
  };
}

/** What a worker would log as an error. */
function listening(reasons: string[]): Logger {
  const log = (level: string, message: string) => {
    if (level === 'error' || level === 'critical') reasons.push(message);
  };
  return {
    isEnabledFor: level => level === 'error' || level === 'critical',
    log,
    debug() {},
    info() {},
    warning() {},
    error: message => log('error', message),
    critical: message => log('critical', message),
  };
}
