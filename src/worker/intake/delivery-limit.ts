import { counted } from '../../base/text/counted.ts';
import { WorkerLostError } from '../../pool/errors.ts';
import { deliveryCount } from '../../wire/messages/envelope.ts';
import type { Judge } from './judge.ts';

/**
 * Refuses messages that were put back too often because their worker was lost each time
 * (`worker_max_deliveries`). Only tasks that are put back when their process dies are judged: all
 * others end with the first loss.
 */
export function deliveryLimit(limit: number): Judge {
  return (_headers, { message, redelivered }, { resolved }) => {
    if (!redelivered || !resolved.acksLate || !resolved.rejectOnWorkerLost) return undefined;
    const count = deliveryCount(message.headers);
    if (count < limit) return undefined;
    const error = new WorkerLostError(
      `The task was delivered ${counted(count, 'time')} and its worker was lost each time (worker_max_deliveries is ${limit}).`,
      { exitCode: null, signal: null },
    );
    return { reason: 'delivery_limit', error };
  };
}
