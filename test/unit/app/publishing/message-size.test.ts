import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery, chord, EncodeError } from '../../../../src/index.ts';

describe('a message that is too large', () => {
  const setup = (most?: number | null) => {
    const app = new Celery('proj', {
      broker_url: 'memory://too-large',
      result_backend: 'cache+memory://',
      ...(most !== undefined && { task_message_max_size: most }),
    });
    return { app, echo: app.task('proj.echo', (value: unknown) => value) };
  };

  it('is refused before it is sent, with its size and what made it large', async t => {
    const { app, echo } = setup(1024 * 1024);
    t.after(() => app.close());
    await echo.delay('x'.repeat(1_000_000));
    await assert.rejects(echo.delay('x'.repeat(3 * 1024 * 1024)), {
      name: 'EncodeError',
      message:
        'The message of proj.echo has 3.0 MB, more than task_message_max_size allows (1.0 MB): 3.0 MB in its args.',
    });
    // as many bytes as characters are not told apart by their number
    await assert.rejects(echo.delay('é'.repeat(600_000)), EncodeError);
  });

  it('names the body of a chord that all parts carry', async t => {
    const { app, echo } = setup(1024 * 1024);
    t.after(() => app.close());
    const body = echo.si('x'.repeat(2 * 1024 * 1024));
    await assert.rejects(chord([echo.s(1)], body).delay(), /2\.0 MB in its chord\.$/);
  });

  it('is sent where the setting says that there is no limit', async t => {
    const { app, echo } = setup(null);
    t.after(() => app.close());
    assert.ok(await echo.delay('x'.repeat(3 * 1024 * 1024)));
  });
});
