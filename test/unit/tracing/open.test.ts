import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTracing } from '../../../src/tracing/open.ts';
import { registerSdk } from '../../support/tracing.ts';

const SYSTEMS = {
  'redis://h/0': 'redis',
  'rediss://h/0': 'redis',
  'redis+socket:///run/redis.sock': 'redis',
  'sentinel://one:26379/0;sentinel://two:26379': 'redis',
  'amqp://one//;amqp://two//': 'rabbitmq',
  'pyamqp://h//': 'rabbitmq',
  'amqps://h//': 'rabbitmq',
  'sqla+sqlite:///celery.sqlite': 'sqlite',
  'memory://': 'memory',
};

describe('the tracing of an app', () => {
  for (const [broker, system] of Object.entries(SYSTEMS)) {
    it(`calls the broker of ${broker} ${system}`, async t => {
      const sdk = registerSdk(t);
      const tracing = openTracing({ broker, warn: assert.fail });

      await tracing.run(
        { task: 't', headers: {}, isEager: false },
        async () => {},
        () => ({
          request: undefined,
          state: 'SUCCESS',
        }),
      );

      assert.equal(sdk.span('run/t').attributes['messaging.system'], system);
    });
  }
});
