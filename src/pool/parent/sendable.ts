import { serialize } from 'node:v8';
import { type Batch, openBatch, type ToChild } from '../messages.ts';

/**
 * The batch without the payloads that cannot be sent, since one of them keeps back all;
 * `onUnsendable` hears of each.
 */
export function sendable(
  batch: Batch<ToChild>,
  onUnsendable: (ticket: number, error: string) => void,
): Batch<ToChild> {
  const mended = openBatch<ToChild>();
  for (const message of batch) {
    if (typeof message === 'string') continue;
    if (message.type !== 'jobs') {
      mended.push(message);
      continue;
    }
    message.payloads.forEach((payload, i) => {
      const ticket = message.first + i;
      try {
        serialize(payload);
        mended.push({ ...message, first: ticket, payloads: [payload] });
      } catch (error) {
        onUnsendable(ticket, `its payload cannot be sent: ${error}`);
      }
    });
  }
  return mended;
}
