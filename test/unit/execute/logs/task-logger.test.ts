import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { LogLevel } from '../../../../src/base/logger.ts';
import { setTaskLog, TaskLogger } from '../../../../src/execute/logs/task-logger.ts';

describe('the logger of a task', () => {
  let records: { level: LogLevel; text: string; fields: object | undefined }[];
  const logger = new TaskLogger('shop', () => ({ task_id: '1' }));

  beforeEach(() => {
    records = [];
    const sink = new TaskLogger(undefined, () => undefined);
    sink.isEnabledFor = level => level !== 'debug';
    sink.log = (level, text, fields) =>
      void records.push({ level, text: String(text), fields: fields as object });
    setTaskLog(sink);
  });
  afterEach(() => setTaskLog(undefined));

  const texts = () => records.map(record => record.text);

  it('shows objects as console does', () => {
    logger.info({ a: [1, { b: 'c' }] });
    logger.error('failed:', new Map([[1, 2]]), 3n);
    logger.info('%s took %d ms', 'it', 5, 'or so');

    assert.deepEqual(texts(), [
      "{ a: [ 1, { b: 'c' } ] }",
      'failed: Map(1) { 1 => 2 } 3n',
      'it took 5 ms or so',
    ]);
  });

  it('leaves a text alone as it is', () => {
    logger.info('100%s');

    assert.deepEqual(texts(), ['100%s']);
  });

  it('shows the fields behind a text, and keeps them for machines', () => {
    logger.info('moved', { x: 1, y: 2 });

    assert.deepEqual(records, [
      {
        level: 'info',
        text: 'moved { x: 1, y: 2 }',
        fields: { name: 'shop', task_id: '1', x: 1, y: 2 },
      },
    ]);
  });

  it('knows warn and warning', () => {
    logger.warn('a');
    logger.warning('b');

    assert.deepEqual(
      records.map(record => record.level),
      ['warning', 'warning'],
    );
  });

  it('does not look at what its level leaves out', () => {
    logger.debug({
      get bad() {
        throw new Error('looked at');
      },
    });

    assert.deepEqual(records, []);
  });

  it('survives objects that throw, and cuts what is too long', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const bad = {
      toString() {
        throw new Error('no');
      },
    };
    logger.info('%s', bad, proxy);
    logger.info('%s', 'x'.repeat(1_000_000));

    assert.equal(records.length, 2);
    assert.ok(texts()[1]!.length < 40_000);
  });
});
