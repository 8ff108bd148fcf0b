/** Before a worker takes tasks it asks its neighbours what is revoked. Celery: `Mingle`. */

import { randomUUID } from 'node:crypto';
import { INTERNALS } from '../../app/app-internals.ts';
import { isPlainRecord } from '../../base/kind-of.ts';
import type { Service } from '../../base/service.ts';
import type { ControlReply } from '../../wire/messages/control.ts';
import type { WorkerParts } from '../assembly.ts';
import { agesOf, onTheWire, sharedName } from '../revoking/neighbours.ts';
import { NOTHING } from './step.ts';

/** Seconds without an answer after which nobody more is waited for, as in Celery. */
const PATIENCE = 1;

/** Undefined when it is not wanted, or the broker has no broadcasts. */
export function createMingle(parts: WorkerParts): Service | undefined {
  if (!parts.mingles || !parts.transport.supportsFanout) return undefined;
  if (!parts.app.conf.get('worker_enable_remote_control')) return undefined;
  return { start: () => mingle(parts), stop: NOTHING };
}

async function mingle(parts: WorkerParts): Promise<void> {
  const { app, hostname, logger, revoked, transport } = parts;
  logger.info('mingle: searching for neighbors');
  const args = { from_node: hostname, revoked: onTheWire(revoked) };
  let replies: ControlReply[];
  try {
    // over its own connection: a worker that publishes nothing needs no second one
    const mailbox = app[INTERNALS].mailbox({ transport, oid: randomUUID() });
    replies = await mailbox.call('hello', args, { timeout: PATIENCE });
  } catch (error) {
    logger.warning(`mingle: the neighbors could not be asked: ${(error as Error).message}`);
    return;
  }
  // our own inbox is not open yet
  if (replies.some(({ node }) => node === hostname)) logger.warning(sharedName(hostname));
  const told = replies.filter(({ node, value }) => node !== hostname && isPlainRecord(value));
  if (told.length === 0) return logger.info('mingle: all alone');
  logger.info(`mingle: sync with ${told.length} nodes`);
  for (const { value } of told) learn(parts, value as Readonly<Record<string, unknown>>);
  await parts.stateFile?.save();
  logger.info('mingle: sync complete');
}

function learn({ lamport, revoked }: WorkerParts, told: Readonly<Record<string, unknown>>): void {
  revoked.merge({ ids: agesOf(told.revoked), stamps: {} });
  lamport.adjust(told.clock);
}
