import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../../../src/cli/command-table.ts';
import { type Env, readCommandLine } from '../../../../src/cli/parsing/command-line.ts';
import { isCommandNotYet, optionNotYet } from '../../../../src/cli/parsing/not-yet.ts';
import { isFlag } from '../../../../src/cli/parsing/option.ts';
import { errorReport } from '../../../../src/cli/terminal/report-error.ts';

/** What a person sees for a wrong command line. */
function refusal(words: readonly string[], env: Env = {}): string {
  try {
    readCommandLine(words, COMMANDS, env);
  } catch (error) {
    const { text, exitCode } = errorReport(error, COMMANDS);
    assert.equal(exitCode, 2);
    return text;
  }
  throw new assert.AssertionError({ message: `${words.join(' ')} was accepted` });
}

function refuses(words: readonly string[], text: string, env: Env = {}): void {
  assert.equal(refusal(words, env), `${text}\n`);
}

/** Values of a command line that is right. */
function accepts(words: readonly string[], env: Env = {}) {
  const request = readCommandLine(words, COMMANDS, env);
  assert.equal(request.kind, 'run');
  return (request as Extract<typeof request, { kind: 'run' }>).invocation;
}

function frame(usage: string, command: string, error: string): string {
  return `Usage: tscelery ${usage}\nTry 'tscelery${command} --help' for help.\n\nError: ${error}`;
}
const globalFrame = (error: string) => frame('[OPTIONS] COMMAND [ARGS]...', '', error);
const workerFrame = (error: string) =>
  frame('worker [OPTIONS] [SETTING=VALUE]...', ' worker', error);

describe('command line', () => {
  it('words that are negative numbers are no options', () => {
    const limit = accepts(['control', 'rate_limit', '-t', '3', 'proj.add', '-1/s', '-d', 'w1@h']);
    assert.deepEqual(limit.words, ['rate_limit', 'proj.add', '-1/s']);
    assert.deepEqual(limit.values, { timeout: 3, destination: ['w1@h'] });
    assert.deepEqual(accepts(['inspect', 'greet', '-.5', '--', '-x']).words, [
      'greet',
      '-.5',
      '-x',
    ]);
    refuses(
      ['worker', '-c', '-1'],
      workerFrame("Invalid value for '-c' / '--concurrency': -1 is not in the range x>=0."),
    );
  });

  it('values are read in every way an option can be written', () => {
    const { globals, values, words } = accepts([
      '-Aproj',
      '--no-color',
      '-q',
      'worker',
      '-c2',
      '-Q',
      'a,b',
      '--pool=solo',
      '-l',
      'info',
      '.x=1',
    ]);

    assert.deepEqual(globals, { app: 'proj', noColor: true, quiet: true });
    assert.deepEqual(values, {
      concurrency: 2,
      queues: ['a', 'b'],
      pool: 'solo',
      loglevel: 'info',
    });
    assert.deepEqual(words, ['.x=1']);
  });

  it('options and words may be mixed, and -- ends the options', () => {
    const { values, words } = accepts(['worker', 'a.b=1', '-c', '3', '--', '-x=2']);

    assert.deepEqual(values, { concurrency: 3 });
    assert.deepEqual(words, ['a.b=1', '-x=2']);
  });

  it('bounds are taken in any order, and the lower one is 0 when it is left out', () => {
    const bounds = (given: string) => accepts(['worker', '--autoscale', given]).values;
    const both = { autoscale: { max: 10, min: 3 } };
    for (const given of ['10,3', '3,10', ' 10 , 3 ', '+10,3']) {
      assert.deepEqual(bounds(given), both, given);
    }
    assert.deepEqual(bounds('4'), { autoscale: { max: 4, min: 0 } });
    assert.deepEqual(bounds('4,4'), { autoscale: { max: 4, min: 4 } });
    assert.deepEqual(accepts(['worker'], { CELERY_WORKER_AUTOSCALE: '1,2' }).values, {
      autoscale: { max: 2, min: 1 },
    });
  });

  it('a command that reads its words itself gets all of them, and those before its name', () => {
    const invocation = accepts(
      ['-Aproj', '--no-color', 'multi', 'start', '-c:1', '3', '--', '--help'],
      {
        TSCELERY_MULTI_PIDFILE: 'x.pid',
      },
    );

    assert.deepEqual(invocation.words, ['start', '-c:1', '3', '--', '--help']);
    assert.deepEqual(invocation.globalWords, ['-Aproj', '--no-color']);
    assert.deepEqual(invocation.values, { pidfile: 'x.pid' });
    assert.equal(readCommandLine(['multi', 'start', '--help'], COMMANDS, {}).kind, 'help');
  });

  it('an option that was not given has no value', () => {
    assert.deepEqual(accepts(['worker']).values, {});
  });

  it('every name of an option means the same', () => {
    assert.deepEqual(accepts(['worker', '--discard']).values, { purge: true });
    assert.deepEqual(accepts(['worker', '--purge']).values, { purge: true });
  });
});

describe('wrong command line', () => {
  it('an unknown command is refused with the nearest one', () =>
    refuses(
      ['wrker'],
      globalFrame("No such command 'wrker'.\n\nDid you mean one of these?\n    worker"),
    ));

  it('an unknown command that resembles none is refused', () =>
    refuses(['xyzzyxyzzy'], globalFrame("No such command 'xyzzyxyzzy'.")));

  it('an unknown global option is refused', () =>
    refuses(['--nosuch', 'worker'], globalFrame('No such option: --nosuch')));

  it('-h is no option, as in Celery', () => refuses(['-h'], globalFrame('No such option: -h')));

  it('an unknown option of a command is refused with the nearest one', () =>
    refuses(
      ['worker', '--concurency=3'],
      workerFrame('No such option: --concurency Did you mean --concurrency?'),
    ));

  it('-A after the command is refused with the right order', () =>
    refuses(
      ['worker', '-A', 'proj', '-l', 'info'],
      [
        '`-A` was given as an option of the sub-command `worker`:',
        '    tscelery worker -A ...',
        'As in Celery 5 it is a global option and goes before the sub-command:',
        '    tscelery -A ... worker',
        '',
        workerFrame('No such option: -A'),
      ].join('\n'),
    ));

  it('a missing value is refused, of a global option too', () => {
    refuses(['worker', '-c'], workerFrame("Option '-c' requires an argument."));
    refuses(['--app'], globalFrame("Option '--app' requires an argument."));
  });

  it('a missing argument is refused', () =>
    refuses(['call'], frame('call [OPTIONS] NAME', ' call', "Missing argument 'NAME'.")));

  it('an option that asks for something else needs no argument', () => {
    assert.deepEqual(accepts(['inspect', '--list']).values, { list: true });
    refuses(
      ['inspect', '-t', '2'],
      frame('inspect [OPTIONS] COMMAND [ARGUMENT]...', ' inspect', "Missing argument 'COMMAND'."),
    );
  });

  it("Celery's commands that do not exist here yet are named as such", () => {
    for (const name of ['flower', 'logtool', 'upgrade']) {
      refuses([name, '--any'], globalFrame(`The command '${name}' is not in tscelery yet.`));
    }
  });

  const notYet: [string[], string][] = [
    [['shell', '--python=x'], '--python'],
    [['shell', '-B'], '-B'],
    [['--loader', 'x', 'worker'], '--loader'],
    [['shell', '--ipython'], '--ipython'],
  ];
  for (const [args, name] of notYet) {
    it(`${name}, which does not exist here yet, is named as such`, () => {
      assert.throws(() => accepts(args), { message: `The option ${name} is not in tscelery yet.` });
    });
  }

  it('what exists is not said to be missing', () => {
    for (const { name, options } of COMMANDS) {
      assert.equal(isCommandNotYet(name), false, name);
      for (const flag of Object.values(options).flatMap(option => option.flags)) {
        assert.equal(optionNotYet(flag, name), undefined, `${name} ${flag}`);
      }
    }
  });

  it('no option of any command takes an empty value', () => {
    for (const { name, options, arguments: words, readsWords } of COMMANDS) {
      if (readsWords) continue;
      const given = words.filter(({ rest }) => !rest).map(() => 'x');
      for (const option of Object.values(options).filter(candidate => !isFlag(candidate))) {
        const line = [name, ...given, option.flags[0]!, ''];
        assert.throws(() => accepts(line), /Invalid value for/, line.join(' '));
      }
    }
  });

  it('no name of a list is empty', () =>
    refuses(
      ['worker', '-Q', 'a,,b'],
      workerFrame("Invalid value for '-Q' / '--queues': 'a,,b' has an empty name in it."),
    ));

  it('an empty argument is refused', () =>
    refuses(
      ['call', ''],
      frame('call [OPTIONS] NAME', ' call', "Invalid value for 'NAME': it is empty."),
    ));

  it('integers in JSON stay exact', () => {
    const { values } = accepts(['call', 'x', '--args', '[9007199254740993, 1, 1.5]']);

    assert.deepEqual(values, { args: [9007199254740993n, 1, 1.5] });
  });

  it('extra arguments are refused', () =>
    refuses(
      ['result', 'id', 'foo', 'bar'],
      frame('result [OPTIONS] TASK_ID', ' result', 'Got unexpected extra arguments (foo bar)'),
    ));

  const values: [string[], string][] = [
    [['-c', 'abc'], "'-c' / '--concurrency': 'abc' is not a valid integer."],
    [['-c', '-3'], "'-c' / '--concurrency': -3 is not in the range x>=0."],
    [['--slots', '0'], "'--slots': 0 is not in the range x>=1."],
    [['--time-limit', 'soon'], "'--time-limit': 'soon' is not a valid float."],
    [
      ['-l', 'foo'],
      "'-l' / '--loglevel': 'FOO' is not one of 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'FATAL'.",
    ],
    [['--log-format', 'xml'], "'--log-format': 'xml' is not one of 'text', 'json'."],
    [
      ['-P', 'forks'],
      "'-P' / '--pool': 'forks' is not one of 'prefork', 'solo', 'threads', 'async', 'processes', 'gevent', 'eventlet'.",
    ],
  ];
  for (const [words, error] of values) {
    it(`worker ${words.join(' ')} is refused`, () =>
      refuses(['worker', ...words], workerFrame(`Invalid value for ${error}`)));
  }

  it('arguments that are no JSON, or of the wrong kind, are refused', () => {
    const refused = (error: string) => frame('call [OPTIONS] NAME', ' call', error);

    refuses(
      ['call', 'add', '-a', '{}'],
      refused("Invalid value for '-a' / '--args': {} was not an array"),
    );
    refuses(
      ['call', 'add', '-k', '[]'],
      refused("Invalid value for '-k' / '--kwargs': [] was not an object"),
    );
    assert.match(refusal(['call', 'add', '-a', '[1,']), /'\[1,' is not valid JSON/);
  });

  it('a duration that is too long is refused with the bound, in every command', () => {
    for (const words of [
      ['result', 'id', '--timeout'],
      ['migrate', 'memory://a', 'memory://b', '--timeout'],
      ['call', 'add', '--countdown'],
      ['call', 'add', '--expires'],
      ['worker', '--time-limit'],
      ['worker', '--soft-time-limit'],
    ]) {
      const text = refusal([...words, '1e15']);
      assert.match(text, /Invalid value for '.*': 1000000000000000 .* below 1e11 seconds/);
    }
    assert.equal(accepts(['result', 'id', '--timeout', '3e9']).values.timeout, 3e9);
  });

  it('a time that is none is refused', () => {
    for (const words of [
      ['--eta', 'tomorrow'],
      ['--eta', '2026-02-30'],
      ['--expires', 'never'],
    ]) {
      assert.ok(refusal(['call', 'add', ...words]).includes(`'${words[1]}'`));
    }
  });
});

describe('environment', () => {
  const refused = (name: string, word: string) =>
    workerFrame(
      `Invalid value for '-c' / '--concurrency' (environment variable ${name}): '${word}' is not a valid integer.`,
    );

  it('a variable stands for an option', () => {
    const env = { CELERY_WORKER_LOGLEVEL: 'debug', CELERY_APP: 'proj', CELERY_WORKER_PURGE: 'yes' };

    const { globals, values } = accepts(['worker'], env);

    assert.deepEqual(globals, { app: 'proj' });
    assert.deepEqual(values, { loglevel: 'debug', purge: true });
  });

  it('the value of a variable is checked, and the variable named', () =>
    refuses(['worker'], refused('CELERY_WORKER_CONCURRENCY', 'x'), {
      CELERY_WORKER_CONCURRENCY: 'x',
    }));

  it('TSCELERY_ names win over CELERY_ names', () =>
    refuses(['worker'], refused('TSCELERY_WORKER_CONCURRENCY', 'y'), {
      CELERY_WORKER_CONCURRENCY: '2',
      TSCELERY_WORKER_CONCURRENCY: 'y',
    }));

  it('an empty variable does not count', () => {
    const env = { TSCELERY_WORKER_CONCURRENCY: '', CELERY_WORKER_CONCURRENCY: '2' };

    assert.deepEqual(accepts(['worker'], env).values, { concurrency: 2 });
  });

  it('the command line wins over the environment', () => {
    const env = { CELERY_WORKER_CONCURRENCY: 'x', APP: 'other' };

    const { globals, values } = accepts(['-A', 'proj', 'worker', '-c', '4'], env);

    assert.equal(globals.app, 'proj');
    assert.deepEqual(values, { concurrency: 4 });
  });
});
