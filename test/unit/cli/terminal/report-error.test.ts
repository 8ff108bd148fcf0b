import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { command } from '../../../../src/cli/parsing/command.ts';
import { CommandError, UsageError } from '../../../../src/cli/parsing/command-error.ts';
import { errorReport } from '../../../../src/cli/terminal/report-error.ts';
import { EXIT } from '../../../../src/process/exit-codes.ts';
import { AddressInUse } from '../../../../src/process/health/errors.ts';
import { PidfileInUse } from '../../../../src/process/pidfile.ts';

const result = command(
  {
    name: 'result',
    summary: '',
    arguments: [{ name: 'TASK_ID', help: '' }],
    options: {},
  },
  () => Promise.reject(new Error('nobody runs it')),
);

describe('what a person sees of an error', () => {
  const rows: readonly (readonly [string, unknown, string, number])[] = [
    ['of the broker', new CommandError('Nobody answered.', 69), 'Error: Nobody answered.\n', 69],
    ['of a command', new CommandError('It failed.'), 'Error: It failed.\n', EXIT.failure],
    [
      'of the settings',
      new ImproperlyConfigured('no such setting'),
      'Error: no such setting\n',
      EXIT.failure,
    ],
    [
      'of a pidfile',
      new PidfileInUse('/run/w.pid', 7),
      "ERROR: Pidfile (/run/w.pid) already exists.\nSeems we're already running? (pid: 7)\n",
      EXIT.cantCreate,
    ],
    ['of a port', new AddressInUse('8080 is taken'), 'Error: 8080 is taken\n', EXIT.cantCreate],
    ['that is no error', { odd: 1 }, '{ odd: 1 }\n', EXIT.failure],
    ['that is a text', 'oops', "'oops'\n", EXIT.failure],
    ['that is nothing', undefined, 'undefined\n', EXIT.failure],
  ];
  for (const [what, error, text, exitCode] of rows) {
    it(`${what} is its message, and the exit code that it means`, () => {
      assert.deepEqual(errorReport(error, []), { text, exitCode });
    });
  }

  it('that is a bug keeps its stack', () => {
    const { text, exitCode } = errorReport(new TypeError('x is not a function'), []);
    assert.match(text, /^TypeError: x is not a function\n {4}at .*report-error\.test\.ts/);
    assert.equal(exitCode, EXIT.failure);
  });

  it('that is a bug without a stack is at least named', () => {
    const error = new RangeError('bare');
    delete error.stack;
    assert.equal(errorReport(error, []).text, 'RangeError: bare\n');
  });

  it('in the words of a command follows its usage', () => {
    const error = new UsageError("Missing argument 'TASK_ID'.", { command: 'result' });

    assert.deepEqual(errorReport(error, [result]), {
      text: [
        'Usage: tscelery result [OPTIONS] TASK_ID',
        "Try 'tscelery result --help' for help.",
        '',
        "Error: Missing argument 'TASK_ID'.",
        '',
      ].join('\n'),
      exitCode: EXIT.usage,
    });
  });

  it('in words before any command, or of one that is unknown, follows the general usage', () => {
    for (const options of [{}, { command: 'gone' }]) {
      const { text } = errorReport(new UsageError('No.', options), [result]);
      assert.match(
        text,
        /^Usage: tscelery \[OPTIONS\] COMMAND \[ARGS\]\.\.\.\nTry 'tscelery --help'/,
      );
    }
  });

  it('is explained above its usage when there is something to explain', () => {
    const { text } = errorReport(new UsageError('No.', { explanation: 'Once upon a time:' }), []);
    assert.match(text, /^Once upon a time:\n\nUsage: /);
  });
});
