import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkRetryOptions } from '../../../src/execute/retry-options.ts';

const refused: [what: string, options: unknown, message: string][] = [
  [
    'an error',
    new Error('busy'),
    "retry takes an object of options, got Error('busy'); to give the error: retry({ exc: error })",
  ],
  ['a number', 5, 'retry takes an object of options, got 5'],
  ['null', null, 'retry takes an object of options, got None'],
  [
    'the spelling of Python',
    { max_retries: 5 },
    'There is no option "max_retries" of retry. Did you mean "maxRetries"?',
  ],
  [
    'a countdown in quotes',
    { countdown: '5' },
    "The option countdown of retry must be a number of seconds, got '5'.",
  ],
  [
    'half a try',
    { maxRetries: 0.5 },
    'The option maxRetries of retry must be a whole number, or null for no limit, got 0.5.',
  ],
];

describe('the options of retry', () => {
  for (const [what, options, message] of refused) {
    it(`are refused by name when they are ${what}`, () => {
      assert.throws(() => checkRetryOptions(options as never), { name: 'TypeError', message });
    });
  }

  it('may be all of those that are documented, and null for what is not set', () => {
    const common = { exc: new Error('x'), countdown: 1.5, eta: new Date(), maxRetries: null };
    const message = { args: [], kwargs: {}, queue: 'q', priority: 3, headers: {}, timeLimit: 5 };

    checkRetryOptions({ ...common, ...message, expires: '2030-01-01T00:00:00Z' });
    checkRetryOptions({ countdown: null as never, expires: 10 });
  });
});
