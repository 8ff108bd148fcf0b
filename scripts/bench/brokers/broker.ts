/** A broker with the queue `celery`: filled, counted and read alike for Python and tscelery. */
import { randomUUID } from 'node:crypto';
import type { Message } from '../../../src/wire/messages/message.ts';
import { buildTaskMessage } from '../../../src/wire/messages/task-message.ts';
import type { Lab } from '../lab.ts';
import type { QueueCounter } from '../system.ts';

export interface Broker {
  /** `broker_url` */
  url(lab: Lab): string;
  /** `result_backend` for those who want results. */
  backend(lab: Lab): string;
  /** Calls of the no-op, as prepared messages; with `ignoreResult` their results are not kept. */
  fill(lab: Lab, tasks: number, ignoreResult: boolean): Promise<void>;
  openCounter(lab: Lab): Promise<QueueCounter>;
  /** How many results there are. */
  countResults?(lab: Lab): Promise<number>;
}

export const QUEUE = 'celery';
/** Whom the sender of prepared messages would be reached by. */
export const REPLY_QUEUE = 'b7a1c9ee-6f6b-3d0c-9f5e-2f5f7f0e7a11';
/** Messages per write when filling. */
const CHUNK = 1000;

/** A call of the no-op as a Python client sends it. */
function preparedMessage(ignoreResult: boolean): Message {
  return buildTaskMessage({
    task: 'bench.noop',
    id: randomUUID(),
    args: [],
    kwargs: {},
    ignoreResult,
    origin: 'gen1@bench',
    replyTo: REPLY_QUEUE,
  });
}

/** So many of them, a thousand at a time. */
export function* preparedChunks(tasks: number, ignoreResult: boolean): Generator<Message[]> {
  for (let sent = 0; sent < tasks; sent += CHUNK) {
    const length = Math.min(CHUNK, tasks - sent);
    yield Array.from({ length }, () => preparedMessage(ignoreResult));
  }
}
