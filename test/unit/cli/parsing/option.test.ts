import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { command } from '../../../../src/cli/parsing/command.ts';
import { readCommandLine } from '../../../../src/cli/parsing/command-line.ts';
import {
  envNames,
  isFlag,
  type Options,
  optionTerm,
  settingsGiven,
} from '../../../../src/cli/parsing/option.ts';
import { flag, integer, list, text } from '../../../../src/cli/parsing/value-type.ts';

const section = 'Speed';
const options = {
  pace: {
    flags: ['-p', '--pace', '--the-pace'],
    type: integer(1),
    section,
    help: 'How fast.',
    setting: 'worker_pace',
    env: ['PACE'],
  },
  loud: { flags: ['--loud'], type: flag, section, help: 'Say so.', setting: 'worker_loud' },
  names: { flags: ['-n'], type: list, section, help: 'Of whom.' },
  help: { flags: ['--explain'], type: flag, section, help: 'Only explain.', eager: true },
} as const satisfies Options;

const load = () => Promise.reject(new Error('nobody runs it'));
const run = command(
  {
    name: 'run',
    summary: 'Run it.',
    arguments: [
      { name: 'WHO', help: 'Who runs.' },
      { name: 'WORDS', help: 'And says.', rest: true },
    ],
    options,
  },
  load,
);
const rest = command({ name: 'rest', summary: 'Rest.', arguments: [], options: {} }, load);

function read(words: readonly string[], env: Record<string, string> = {}) {
  const request = readCommandLine(words, [run, rest], env);
  assert.ok(request.kind === 'run', `${request.kind} instead of run`);
  return request.invocation;
}

function help(words: readonly string[]): string {
  const request = readCommandLine(words, [run, rest], {});
  assert.ok(request.kind === 'help', `${request.kind} instead of help`);
  return request.text;
}

describe('an option', () => {
  it('has environment names of its command, ours before those of Celery', () => {
    assert.deepEqual(envNames(options.pace, 'run'), [
      'TSCELERY_RUN_PACE',
      'PACE',
      'CELERY_RUN_PACE',
    ]);
    assert.deepEqual(envNames(options.loud), ['TSCELERY_LOUD', 'CELERY_LOUD']);
  });

  it('without a long name is named by the short one', () => {
    assert.deepEqual(envNames(options.names, 'run-it'), ['TSCELERY_RUN_IT__N', 'CELERY_RUN_IT__N']);
  });

  it('is shown with all its names and what it takes', () => {
    assert.equal(optionTerm(options.pace), '-p, --pace, --the-pace INTEGER');
    assert.equal(optionTerm(options.loud), '--loud');
    assert.deepEqual([isFlag(options.loud), isFlag(options.pace)], [true, false]);
  });

  it('stands for a setting only when it was given, also as false', () => {
    assert.deepEqual(settingsGiven(options, {}), {});
    assert.deepEqual(settingsGiven(options, { pace: 3, names: ['a'] }), { worker_pace: 3 });
    assert.deepEqual(settingsGiven(options, { loud: false }), { worker_loud: false });
  });
});

describe('a command line', () => {
  it('is read in every spelling of an option', () => {
    for (const words of [['-p', '3'], ['-p3'], ['--pace', '3'], ['--pace=3'], ['--the-pace=3']]) {
      assert.deepEqual(read(['run', ...words, 'me']).values, { pace: 3 }, words.join(' '));
    }
  });

  it('takes the last of what was given twice', () => {
    assert.deepEqual(read(['run', '-p', '3', '--loud', '-p', '4', 'me']).values, {
      pace: 4,
      loud: true,
    });
  });

  it('takes a negative number as an argument, and hands on what follows --', () => {
    assert.deepEqual(read(['run', '-5', '-.5']).words, ['-5', '-.5']);
    assert.deepEqual(read(['run', 'me', '--', '--loud', '-x']).words, ['me', '--loud', '-x']);
  });

  it('says what is wrong with a value, by all names of the option', () => {
    assert.throws(() => read(['run', '-p', '0', 'me']), {
      message: "Invalid value for '-p' / '--pace' / '--the-pace': 0 is not in the range x>=1.",
    });
  });

  it('names the variable whose value is wrong', () => {
    assert.throws(() => read(['run', 'me'], { CELERY_RUN_PACE: 'x' }), {
      message:
        "Invalid value for '-p' / '--pace' / '--the-pace' (environment variable CELERY_RUN_PACE): 'x' is not a valid integer.",
    });
  });

  it('reads a flag in the environment by its word', () => {
    assert.deepEqual(read(['run', 'me'], { TSCELERY_RUN_LOUD: 'no' }).values, { loud: false });
    assert.deepEqual(read(['run', 'me'], { TSCELERY_RUN_LOUD: '1' }).values, { loud: true });
    assert.throws(() => read(['run', 'me'], { CELERY_RUN_LOUD: 'loud' }), /is not a valid boolean/);
  });

  it('misses the first argument that is not there, unless an option does without', () => {
    assert.throws(() => read(['run']), { message: "Missing argument 'WHO'." });
    assert.deepEqual(read(['run', '--explain']).words, []);
  });

  it('refuses each word that is too much', () => {
    assert.throws(() => read(['rest', 'a']), { message: 'Got unexpected extra argument (a)' });
    assert.throws(() => read(['rest', 'a', 'b']), {
      message: 'Got unexpected extra arguments (a b)',
    });
  });

  it('says which option wants a value', () => {
    assert.throws(() => read(['run', 'me', '--pace']), {
      message: "Option '--pace' requires an argument.",
    });
    assert.throws(() => read(['--broker']), { message: "Option '--broker' requires an argument." });
  });
});

describe('help', () => {
  it('is shown when nothing was asked for, and when it was', () => {
    assert.equal(help([]), help(['--help']));
    assert.match(help([]), /^Usage: tscelery \[OPTIONS\] COMMAND \[ARGS\]\.\.\.\n/);
    assert.match(help([]), /run +Run it\.\n +rest +Rest\./);
  });

  it('of a command lists its arguments and options under their sections', () => {
    const shown = help(['run', '--help']);

    assert.match(shown, /^Usage: tscelery run \[OPTIONS\] WHO \[WORDS\]\.\.\.\n/);
    assert.match(shown, /\n {2}WHO +Who runs\.\n {2}WORDS +And says\./);
    assert.match(shown, /\nSpeed:\n {2}-p, --pace, --the-pace INTEGER +How fast\./);
    assert.equal(shown.match(/--the-pace/g)?.length, 1);
  });

  it('goes before what is wrong with the rest', () => {
    assert.match(help(['run', '--help', '--no-such']), /^Usage: tscelery run/);
  });

  it('is as wide as ever, whatever the terminal', () => {
    const columns = Math.max(
      ...help([])
        .split('\n')
        .map(line => line.length),
    );
    assert.ok(columns <= 100, `${columns}`);
  });

  it('goes after the version', () => {
    assert.deepEqual(readCommandLine(['--version', 'run'], [run, rest], {}), { kind: 'version' });
    assert.deepEqual(readCommandLine(['--version', '--nonsense'], [run], {}), { kind: 'version' });
  });

  it('names the type of a text', () => {
    const say = command(
      { ...rest, options: { what: { flags: ['--what'], type: text, section, help: 'This.' } } },
      load,
    );
    const request = readCommandLine(['rest', '--help'], [say], {});
    assert.ok(request.kind === 'help' && /--what TEXT +This\./.test(request.text));
  });
});
