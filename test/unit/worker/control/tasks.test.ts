import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import { INSPECT_HANDLERS } from '../../../../src/worker/control/inspect.ts';
import { TASK_HANDLERS } from '../../../../src/worker/control/tasks.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { notedLog, requestFor } from '../made-requests.ts';

/** A worker where some tasks wait and some run. */
function setup({ waiting = [] as string[], running = [] as string[] } = {}) {
  const { logger, lines } = notedLog();
  const revoked = new RevokedTasks(new FakeClock(0));
  const killed: string[] = [];
  /** What was logged when the first waiting task was discarded. */
  const linesBefore: string[] = [];
  const requests = (ids: string[], isMeant: (request: Request) => boolean) =>
    ids.map(id => requestFor({ id }).request).filter(isMeant);
  const worker = {
    revoked,
    logger,
    admission: { withdraw: () => [] },
    dispatcher: {
      withdraw: (isMeant: (request: Request) => boolean) => requests(waiting, isMeant),
      terminate(isMeant: (request: Request) => boolean, signal: string) {
        const found = requests(running, isMeant);
        killed.push(...found.map(({ id }) => `${id} ${signal}`));
        return found;
      },
    },
    unwanted: { revoked: () => void linesBefore.push(...lines) },
  } as unknown as WorkerParts;
  const send = async (
    name: keyof typeof HANDLERS,
    args: Record<string, unknown> = {},
  ): Promise<unknown> => HANDLERS[name](worker, args);
  return { send, revoked, killed, lines, linesBefore };
}

const HANDLERS = { ...TASK_HANDLERS, revoked: INSPECT_HANDLERS.revoked };

describe('the control command', () => {
  test('revoked lists the ids that were revoked', async () => {
    const { send } = setup();
    await send('revoke', { task_id: ['1', '2'] });

    assert.deepEqual(await send('revoked'), ['1', '2']);
  });

  test('what is revoked is none of it when a part of it is endless', async () => {
    const { send, revoked } = setup();
    const endless = 'x'.repeat(1025);
    const wrong = { name: 'RangeError', message: /must have at most 1024 characters, got 10/ };

    await assert.rejects(async () => send('revoke', { task_id: ['1', endless] }), wrong);
    await assert.rejects(async () => send('terminate', { task_id: endless }), wrong);
    await assert.rejects(
      async () => send('revoke_by_stamped_headers', { headers: { batch: ['b1', endless] } }),
      wrong,
    );

    const stamped = { id: '1', stampedHeaders: ['batch'], stamps: { batch: 'b1' } };
    assert.deepEqual([revoked.ids(), revoked.covers(stamped)], [[], false]);
  });

  test('revoke takes one id, and kills nothing', async () => {
    const { send, revoked, killed, lines } = setup({ running: ['1'] });

    assert.deepEqual(await send('revoke', { task_id: '1' }), { ok: 'tasks 1 flagged as revoked' });

    assert.deepEqual([revoked.ids(), killed], [['1'], []]);
    assert.deepEqual(lines, ['info: Tasks flagged as revoked: 1']);
  });

  test('what follows from a revoke is logged after it', async () => {
    const { send, linesBefore } = setup({ waiting: ['1'] });

    await send('revoke', { task_id: '1' });

    assert.deepEqual(linesBefore, ['info: Tasks flagged as revoked: 1']);
  });

  for (const signal of ['kill', 'KILL', 'SIGKILL', 'sigkill', '9', 9]) {
    test(`terminate takes ${JSON.stringify(signal)} for SIGKILL`, async () => {
      const { send, killed } = setup({ running: ['1'] });

      await send('terminate', { task_id: '1', signal });

      assert.deepEqual(killed, ['1 SIGKILL']);
    });
  }

  test('revoke names a hundred ids of many', async () => {
    const { send, revoked } = setup();
    const ids = Array.from({ length: 103 }, (_, n) => n);

    const { ok } = (await send('revoke', { task_id: ids })) as { ok: string };

    assert.match(ok, /^tasks 0, 1, .* 98, 99 and 3 more flagged as revoked$/);
    assert.equal(revoked.size, 103);
  });

  test('revoke refuses what is no id', async () => {
    for (const wrong of [undefined, 7, { id: '1' }]) {
      await assert.rejects(
        setup().send('revoke', { task_id: wrong }),
        /^TypeError: revoke needs task_id, a text or a list of texts, got /,
      );
    }
  });

  for (const [name, more] of [
    ['terminate', {}],
    ['revoke', { terminate: true }],
  ] as const) {
    test(`${name} kills what runs, and names that with what waited`, async () => {
      const { send, revoked, killed, lines } = setup({ waiting: ['1'], running: ['2'] });

      const reply = await send(name, { task_id: ['1', '2', '3'], signal: 'SIGKILL', ...more });

      assert.deepEqual(reply, { ok: 'terminate: 1, 2' });
      assert.deepEqual([killed, revoked.size], [['2 SIGKILL'], 3]);
      assert.deepEqual(lines, ['info: Terminating 2 (SIGKILL)']);
    });
  }

  for (const none of [undefined, null, '']) {
    test(`terminate kills by SIGTERM when the signal is ${JSON.stringify(none)}`, async () => {
      const { send, killed } = setup({ running: ['1'] });

      await send('terminate', { task_id: '1', signal: none });

      assert.deepEqual(killed, ['1 SIGTERM']);
    });
  }

  test('terminate says that it knows none of the tasks', async () => {
    assert.deepEqual(await setup().send('terminate', { task_id: '1' }), {
      ok: 'terminate: tasks unknown',
    });
  });

  test('terminate with a signal that does not exist revokes nothing', async () => {
    const { send, revoked, killed } = setup({ running: ['1'] });

    await assert.rejects(send('terminate', { task_id: '1', signal: 'SIGNONE' }), /SIGNONE/);

    assert.deepEqual([revoked.size, killed], [0, []]);
  });
});
