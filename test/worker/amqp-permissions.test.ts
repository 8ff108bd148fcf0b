/** What RabbitMQ refuses a worker or its client: remote control, results. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AccessRefused, type CeleryConfig } from '../../src/index.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { type Surroundings, type WorkerBench, withWorker } from '../support/worker.ts';

const SOLO = { args: ['-P', 'solo'] };

let guest: Awaited<ReturnType<typeof rabbitmqWithRpc>>;
before(async () => {
  guest = await rabbitmqWithRpc();
});
after(() => guest.stop());

/** A user with these permissions, and a worker that is this user. */
async function withUser(
  name: string,
  permissions: readonly [configure: string, write: string, read: string],
  body: (bench: WorkerBench, allow: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { server } = guest;
  const allow = (...patterns: readonly string[]) =>
    server.eval(
      `rabbit_auth_backend_internal:set_permissions(<<"${name}">>, <<"/">>, ${patterns.map(pattern => `<<"${pattern}">>`).join(', ')}, <<"tests">>).`,
    );
  await server.eval(`rabbit_auth_backend_internal:add_user(<<"${name}">>, <<"pw">>, <<"tests">>).`);
  await allow(...permissions);
  const broker_url = `amqp://${name}:pw@127.0.0.1:${server.port}//`;
  const surroundings: Surroundings = { ...guest, settings: { ...guest.settings, broker_url } };
  await withWorker(surroundings, SOLO, bench => body(bench, () => allow('.*', '.*', '.*')));
}

const NO_PIDBOX = '^(?!.*pidbox).*$';

describe('a RabbitMQ user who may not have queues for remote control', () => {
  it('has a worker without it, which says what is missing, once', async () => {
    await withUser('mute', [NO_PIDBOX, '.*', '.*'], async ({ app, worker }, allow) => {
      await worker.sees(/WARNING.*Remote control is off: .*ACCESS_REFUSED - .*celery\.pidbox/);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);

      await guest.server.eval('rabbit_networking:close_all_connections("harm").');
      await worker.sees(/consuming again/);
      assert.equal(worker.stderr.match(/Remote control is off/g)?.length, 1);

      await allow();
      await guest.server.eval('rabbit_networking:close_all_connections("harm").');
      await worker.sees(/Remote control is on\./);
      const [reply] = await app.control.ping({ timeout: 5, limit: 1 });
      assert.deepEqual(reply?.value, { ok: 'pong' });
    });
  });

  it('is told so when it sends a command', async () => {
    await withUser('dumb', [NO_PIDBOX, NO_PIDBOX, '.*'], async ({ app }) => {
      await assert.rejects(app.control.revoke('x'), AccessRefused);
      await assert.rejects(app.control.ping(), AccessRefused);
    });
  });
});

describe('a worker whose inbox exists in another form', () => {
  it('goes on without remote control', async () => {
    const settings: CeleryConfig = { control_exchange: 'other' };
    await guest.server.eval(
      'rabbit_exchange:declare({resource, <<"/">>, exchange, <<"other.pidbox">>}, direct, false, false, false, [], <<"tests">>).',
    );

    await withWorker(guest, { ...SOLO, settings }, async ({ app, worker }) => {
      await worker.sees(/Remote control is off: .*PRECONDITION_FAILED.*other\.pidbox/);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
    });
  });
});

describe('a result that RabbitMQ refuses', () => {
  const setLimit = (bytes: number) =>
    guest.server.eval(`application:set_env(rabbit, max_message_size, ${bytes}).`);
  /** Small on its way to the worker, large on its way back. */
  const LARGE = 'x'.repeat(60_000);
  const PACKED = { compression: 'gzip', argsrepr: '' };

  it('is a failure that says why, and its message does not come again', async t => {
    await setLimit(50_000);
    t.after(() => setLimit(16_777_216));

    await withWorker(guest, SOLO, async ({ app, file, lines }) => {
      const notes = file();
      const result = await app.sendTask('w.lateWork', [notes, LARGE, 0], PACKED);

      await assert.rejects(result.get({ timeout: 20 }), {
        name: 'BackendStoreError',
        message: /PRECONDITION_FAILED - message size \d+ is larger/,
      });
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
      assert.equal((await lines(notes)).length, 1);
    });
  });

  it('for want of a permission is told in the log, and the worker goes on', async () => {
    await withUser('silent', ['.*', '^(?!amq.default).*$', '.*'], async bench => {
      // the client may, as another user
      const app = bench.app;
      app.conf.broker_url = guest.settings.broker_url as string;
      const notes = bench.file();
      await app.sendTask('w.lateWork', [notes, 'ran', 0]);
      await bench.worker.sees(/the failure could not be stored: .*ACCESS_REFUSED/);
      await app.sendTask('w.work', [notes, 'again', 0], { ignoreResult: true });
      await bench.worker.sees(/Task w\.work\[.*succeeded/);
      assert.deepEqual(await bench.lines(notes), ['ran', 'again']);
    });
  });

  it('for a while, as its queue is full, arrives when there is room again', async () => {
    const limits = '{<<"max-length">>, 0}, {<<"overflow">>, <<"reject-publish">>}';
    const settings = {
      result_backend_transport_options: { retry_policy: { max_retries: 1, interval_max: 0.1 } },
    };
    await withWorker(guest, { ...SOLO, settings }, async ({ app, worker, file, lines }) => {
      const notes = file();
      await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 });
      await guest.server.eval(
        `rabbit_policy:set(<<"/">>, <<"full">>, <<"^.{8}-.{4}-">>, [${limits}], 0, <<"queues">>, <<"tests">>).`,
      );
      const result = await app.sendTask('w.lateWork', [notes, 'ran', 0]);
      await worker.sees(/reject requeue=True: the result was not stored: /);
      await guest.server.eval('rabbit_policy:delete(<<"/">>, <<"full">>, <<"tests">>).');

      assert.equal(await result.get({ timeout: 20 }), 'ran');
      assert.ok((await lines(notes)).length > 1);
    });
  });
});
