import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { News } from '../../../src/base/news.ts';

describe('news', () => {
  it('are taken in order, all that came since the last time', async () => {
    const news = new News<number>();
    news.add(1);
    news.add(2);

    assert.deepEqual(await news.take(), [1, 2]);
    news.add(3);
    assert.deepEqual(await news.take(), [3]);
  });

  it('are waited for', async () => {
    const news = new News<number>();
    const taken = news.take();

    news.add(1);

    assert.deepEqual(await taken, [1]);
  });

  it('that came before the end are taken before its error is thrown, each time', async () => {
    const news = new News<number>();
    news.add(1);
    news.end(new Error('closed'));
    news.end(new Error('too late'));

    assert.deepEqual(await news.take(), [1]);
    await assert.rejects(news.take(), /^Error: closed$/);
    await assert.rejects(news.take(), /^Error: closed$/);
  });

  it('that end while somebody waits end the wait', async () => {
    const news = new News<number>();
    const taken = news.take();

    news.end(new Error('closed'));

    await assert.rejects(taken, /^Error: closed$/);
  });
});
