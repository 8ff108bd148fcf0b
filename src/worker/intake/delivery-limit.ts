import type { Delivery } from '../../messaging/contract.ts';
import { WorkerLostError } from '../../pool/errors.ts';
import { deliveryCount } from '../../wire/messages/envelope.ts';
import type { Request } from '../request.ts';

/**
 * The error for a message that was put back too often because its worker was lost each time
 * (`worker_max_deliveries`); undefined when it may be tried again. Only tasks that are put back
 * when their process dies are judged: all others end with the first loss.
 */
export function tooManyDeliveries(
  request: Request,
  delivery: Delivery,
  limit: number | null,
): WorkerLostError | undefined {
  if (limit === null || limit === 0 || !request.requeuesWhenLost) return undefined;
  const count = deliveryCount(delivery.message.headers);
  if (count < limit) return undefined;
  return new WorkerLostError(
    `The task was delivered ${count} times and its worker was lost each time (worker_max_deliveries is ${limit}).`,
    { exitCode: null, signal: null },
  );
}
