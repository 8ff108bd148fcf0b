/** What a policy that refuses messages says of each, before it may run. */
import type { TaskDefinition } from '../../app/tasks/definition.ts';
import type { Delivery } from '../../messaging/contract.ts';
import type { WorkerReason } from '../../wire/messages/dead-letter.ts';
import type { TaskHeaders } from '../../wire/messages/task-message.ts';

export interface Verdict {
  readonly reason: WorkerReason;
  readonly error: Error;
}

/**
 * Undefined: the message may run. Asked when a message comes, and before that when a broker asks
 * whether it may acknowledge the message on arrival.
 */
export type Judge = (
  headers: TaskHeaders,
  delivery: Delivery,
  task: TaskDefinition,
) => Verdict | undefined;
