import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import { Celery, type CeleryConfig } from '../../../../src/index.ts';
import type { ConsumeOptions, Transport } from '../../../../src/messaging/contract.ts';
import type { Queue } from '../../../../src/messaging/entities.ts';
import { buildControlRequest } from '../../../../src/wire/messages/control.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { Stopping } from '../../../../src/worker/running/stopping.ts';
import { createInbox } from '../../../../src/worker/steps/remote-control.ts';
import { MadeDelivery, notedExecution, requestFor, turn } from '../made-requests.ts';

type Filter = (request: Request) => boolean;

/** Of a worker with these requests: for their time, for a place, and in the pool. */
function setup({
  settings = {} as CeleryConfig,
  supportsFanout = true,
  ids = ['1', '2', '3'],
} = {}) {
  const { execution, clock } = notedExecution();
  const [forTime, forPlace, running] = ids.map(id => requestFor({ id }));
  const events: string[] = [];
  const inboxes: { queue: Queue; options: ConsumeOptions }[] = [];
  const transport = {
    supportsFanout,
    onEvent: () => () => {},
    async consume([queue]: Queue[], options: ConsumeOptions) {
      inboxes.push({ queue: queue!, options });
      return { close: async () => void events.push('closed') };
    },
  } as unknown as Transport;
  const among = (one: Request | undefined) => (isMeant: Filter) =>
    one && isMeant(one) ? [one] : [];
  const app = new Celery('proj', settings);
  const parts = {
    ...{ app, execution, hostname: 'w@h', transport },
    stopping: new Stopping(app, execution.logger),
    ...{ logger: execution.logger, revoked: new RevokedTasks(clock) },
    lamport: new LamportClock(),
    link: { insist: (work: () => Promise<void>) => work() },
    admission: { withdraw: among(forTime?.request) },
    dispatcher: {
      withdraw: among(forPlace?.request),
      terminate(isMeant: Filter, signal: string) {
        const killed = among(running?.request)(isMeant);
        events.push(...killed.map(({ id }) => `${id} is killed by ${signal}`));
        return killed;
      },
    },
    unwanted: { revoked: ({ id }: Request) => void events.push(`${id} is settled`) },
  } as unknown as WorkerParts;
  const revoke = async (more: Record<string, unknown> = {}) => {
    const body = { method: 'revoke', arguments: { task_id: ids, ...more }, ticket: '' };
    const all = { destination: null, pattern: null, matcher: null, replyTo: undefined };
    const message = buildControlRequest(
      { ...body, ...all },
      { expires: 0, serializer: 'json', clock: 1 },
    );
    inboxes[0]!.options.onDeliveries([new MadeDelivery({ message })]);
    await turn();
  };
  return { step: createInbox(parts), inboxes, events, parts, revoke, forPlace: forPlace! };
}

describe('remote control of a worker', () => {
  test('does not exist when it is switched off, or the broker has no broadcasts', () => {
    const off = setup({ settings: { worker_enable_remote_control: false } });
    const alone = setup({ supportsFanout: false });

    assert.deepEqual([off.step, alone.step], [undefined, undefined]);
  });

  test('listens where the settings say, from its start to its stop', async () => {
    const settings = { control_exchange: 'ops', control_queue_ttl: 7, control_queue_expires: 8 };
    const { step, inboxes, events } = setup({ settings });
    await step!.start();
    const { name, messageTtl, expires } = inboxes[0]!.queue;
    await step!.stop();

    assert.deepEqual([name, messageTtl, expires], ['w@h.ops.pidbox', 7, 8]);
    assert.deepEqual(events, ['closed']);
  });

  test('settles what waits when it is revoked, wherever that is, and leaves what runs', async () => {
    const { step, events, parts, revoke } = setup();
    await step!.start();

    await revoke();

    assert.deepEqual(events, ['1 is settled', '2 is settled']);
    assert.deepEqual(parts.revoked.ids(), ['1', '2', '3']);
  });

  test('leaves what was given to another worker to that one', async () => {
    const { step, events, forPlace, revoke } = setup();
    await step!.start();
    forPlace.delivery.lost = true;

    await revoke();

    assert.deepEqual(events, ['1 is settled']);
  });

  test('kills what runs when that is asked for', async () => {
    const { step, events, revoke } = setup();
    await step!.start();

    await revoke({ terminate: true, signal: 'SIGKILL' });

    assert.deepEqual(events, ['1 is settled', '2 is settled', '3 is killed by SIGKILL']);
  });
});
