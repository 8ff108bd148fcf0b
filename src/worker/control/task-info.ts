import type { TaskInfo } from '../../control/replies.ts';
import { readTaskBody } from '../../wire/messages/task-body.ts';
import type { Request, RequestState } from '../request.ts';

/** Of larger ones the texts are shown: one task must not make the answer of a worker huge. */
const MOST_BODY = 65_536;

/** Waits in the worker for a place or for its rate limit. */
export const RESERVED: ReadonlySet<RequestState> = new Set([
  'reserved',
  'limited',
  'starting',
  'submitted',
]);

export interface InfoOptions {
  readonly hostname: string;
  readonly accept: ReadonlySet<string>;
  /** Texts instead of values. */
  readonly safe?: boolean;
}

export function taskInfo(request: Request, options: InfoOptions): TaskInfo {
  const { headers, delivery } = request;
  const { exchange, routingKey, redelivered, message } = delivery;
  return {
    id: headers.id,
    name: headers.shadow ?? headers.task,
    ...argumentsOf(request, options),
    type: headers.task,
    hostname: options.hostname,
    time_start: request.startedAt ?? null,
    acknowledged: request.isAcknowledged || delivery.settled,
    delivery_info: {
      exchange,
      routing_key: routingKey,
      priority: message.properties.priority ?? null,
      redelivered,
    },
    worker_pid: request.pid ?? null,
  };
}

function argumentsOf(
  { headers, delivery: { message } }: Request,
  { accept, safe }: InfoOptions,
): Pick<TaskInfo, 'args' | 'kwargs'> {
  const texts = { args: headers.argsrepr, kwargs: headers.kwargsrepr };
  if (safe || message.body.length > MOST_BODY) return texts;
  try {
    const { args, kwargs } = readTaskBody(message, accept);
    return { args, kwargs };
  } catch {
    return texts; // its task will tell what is wrong with it
  }
}
