import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { errorText, FULL_STACKS, trimmedStack } from '../../../../src/base/text/error-text.ts';

const withStack = (error: Error, stack = String(error)) => Object.assign(error, { stack });
const ours = new URL('../../../../src/execute/run/run-task.ts', import.meta.url).href;

describe('the text of an error', () => {
  it('has its causes, each a step further in', () => {
    const refused = withStack(new Error('connect ECONNREFUSED'), 'Error: connect\n    at socket');
    const failed = withStack(new TypeError('fetch failed', { cause: refused }));

    assert.equal(
      errorText(failed),
      'TypeError: fetch failed\n  [cause]: Error: connect\n      at socket',
    );
  });

  it('has the errors of an aggregate, of another realm too', () => {
    const both = vm.runInNewContext('new AggregateError([new Error("a"), new Error("b")], "both")');

    const text = errorText(both);

    assert.match(text, /^AggregateError: both\n/);
    assert.match(text, /\n {2}\[error\]: Error: a\n[\s\S]*\n {2}\[error\]: Error: b/);
  });

  it('ends where causes go round in a circle', () => {
    const first = withStack(new Error('first'));
    const second = withStack(new Error('second', { cause: first }));
    first.cause = second;

    const text = errorText(first);

    assert.equal(text, 'Error: first\n  [cause]: Error: second\n    [cause]: [Circular]');
  });

  it('ends after some levels and some errors', () => {
    let deep = withStack(new Error('0'));
    for (let i = 1; i < 100; i++) deep = withStack(new Error(`${i}`, { cause: deep }));
    const wide = withStack(new AggregateError(Array(100).fill(new Error('one')), 'wide'));

    assert.equal(errorText(deep).match(/\[cause\]/g)?.length, 9);
    assert.ok(errorText(deep).endsWith('[cause]: ...'));
    assert.ok(errorText(wide).endsWith("[error]: '... 92 more'"));
  });

  it('does not repeat a thrown text that became the message', () => {
    assert.equal(errorText(withStack(new Error('no', { cause: 'no' }))), 'Error: no');
  });

  it('is the name of the class when the error cannot be read', () => {
    const shy = Object.defineProperty(new RangeError('x'), 'stack', {
      get: () => assert.fail('not for you'),
    });

    assert.equal(errorText(shy), 'RangeError');
  });
});

describe('a stack', () => {
  const stack = [
    'Error: x',
    '    at pay (/home/me/tasks.ts:3:9)',
    `    at invoke (${ours}:240:10)`,
    '    at AsyncLocalStorage.run (node:async_hooks:346:14)',
    '    at other (/home/me/node_modules/tscelery/dist/app/task.js:3:9)',
  ].join('\n');

  it('is shown without the frames of this library and what Node did for it', () => {
    assert.equal(trimmedStack(stack), 'Error: x\n    at pay (/home/me/tasks.ts:3:9)');
  });

  it('stays whole when all of it is ours', () => {
    const internal = `Error: x\n    at invoke (${ours}:240:10)`;

    assert.equal(trimmedStack(internal), internal);
  });

  it('stays whole when the environment asks for that', t => {
    process.env[FULL_STACKS] = '1';
    t.after(() => delete process.env[FULL_STACKS]);

    assert.equal(trimmedStack(stack), stack);
  });
});
