import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  argumentsOf,
  commandList,
  commandNamed,
} from '../../../../src/cli/control/control-words.ts';
import { UsageError } from '../../../../src/cli/parsing/command-error.ts';
import { CONTROL_COMMANDS, type ControlCommand } from '../../../../src/control/commands.ts';
import { CommandRegistry } from '../../../../src/control/registry.ts';
import { anyTexts, flag, number, text } from '../../../../src/control/words.ts';

const commands = new CommandRegistry();
commands.add(
  {
    name: 'greet',
    kind: 'inspect',
    args: { name: { kind: text }, times: { kind: number }, loud: { kind: flag } },
    rest: { name: 'others', kind: anyTexts },
    signature: '[name] [times] [loud] [others...]',
    help: 'Say hello.',
  },
  () => 'hello',
);

const named = (kind: ControlCommand['kind'], name: string) => commandNamed(commands, kind, name);
const args = (kind: ControlCommand['kind'], name: string, ...words: readonly string[]) =>
  argumentsOf(named(kind, name), words);

function refuses(run: () => unknown, message: string): void {
  assert.throws(run, (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, message);
    return true;
  });
}

describe('words of inspect and control', () => {
  it('become arguments in their order, of the kind that the command wants', () => {
    assert.deepEqual(args('control', 'rate_limit', 'proj.add', '10/m'), {
      task_name: 'proj.add',
      rate_limit: '10/m',
    });
    assert.deepEqual(args('control', 'time_limit', 'proj.add', '1.5'), {
      task_name: 'proj.add',
      soft: 1.5,
    });
    assert.deepEqual(args('control', 'pool_grow'), {});
    assert.deepEqual(args('control', 'pool_grow', '3'), { n: 3 });
    assert.deepEqual(args('inspect', 'conf', 'yes'), { with_defaults: true });
  });

  it('that are left over are a list, also when there are none', () => {
    assert.deepEqual(args('control', 'revoke', 'a'), { task_id: ['a'] });
    assert.deepEqual(args('inspect', 'registered'), { taskinfoitems: [] });
    assert.deepEqual(args('control', 'terminate', 'KILL', 'a', 'b'), {
      signal: 'SIGKILL',
      task_id: ['a', 'b'],
    });
    for (const word of ['kill', 'SIGKILL', '9', 'sigkill']) {
      const { signal } = args('control', 'terminate', word, 'a') as { signal: string };
      assert.equal(signal, 'SIGKILL');
    }
    assert.deepEqual(args('inspect', 'greet', 'bob', '2', 'off', 'ann'), {
      name: 'bob',
      times: 2,
      loud: false,
      others: ['ann'],
    });
    assert.deepEqual(args('inspect', 'greet'), { others: [] });
  });

  it('that are too many or too few are told what the command takes', () => {
    const growth = "Command 'pool_grow' takes arguments: [N=1]";
    refuses(() => args('control', 'pool_grow', '1', '2'), growth);
    refuses(() => args('inspect', 'ping', 'x'), "Command 'ping' takes no arguments");
    refuses(
      () => args('control', 'cancel_consumer'),
      "Command 'cancel_consumer' takes arguments: <queue>\nMissing argument 'queue'.",
    );
    refuses(
      () => args('control', 'time_limit'),
      "Command 'time_limit' takes arguments: <task_name> [soft_secs [hard_secs]]\nMissing argument 'task_name'.",
    );
  });

  it('that a command needs at least one of are not left out', () => {
    for (const [kind, name, ...words] of [
      ['control', 'revoke'],
      ['control', 'terminate', 'KILL'],
      ['control', 'revoke_by_stamped_headers'],
      ['inspect', 'query_task'],
    ] as const) {
      const { signature } = named(kind, name);
      const [, first] = /<([^>]+)> \[/.exec(signature.replace('<signal> ', ''))!;
      refuses(
        () => args(kind, name, ...words),
        `Command '${name}' takes arguments: ${signature}\nMissing argument '${first}'.`,
      );
    }
    refuses(
      () => args('control', 'terminate'),
      "Command 'terminate' takes arguments: <signal> <id1> [id2 [... [idN]]]\nMissing argument 'signal'.",
    );
  });

  it('that are empty are none, as from a variable that is not set', () => {
    const empty = (argument: string, name: string) =>
      `Invalid value for '${argument}' of ${name}: it is empty.`;
    refuses(() => args('control', 'revoke', 'a', ''), empty('id1', 'revoke'));
    refuses(() => args('inspect', 'query_task', ''), empty('id1', 'query_task'));
    refuses(() => args('control', 'cancel_consumer', ''), empty('queue', 'cancel_consumer'));
    refuses(() => args('control', 'time_limit', '', '1'), empty('task_name', 'time_limit'));
    assert.deepEqual(args('inspect', 'greet', ''), { name: '', others: [] });
  });

  it('that are stamps are collected by their header', () => {
    const stamps = (...words: readonly string[]) =>
      args('control', 'revoke_by_stamped_headers', ...words).headers;

    assert.deepEqual(stamps('customer=7'), { customer: '7' });
    assert.deepEqual(stamps('customer=7', 'batch=b=1', 'customer=8', 'customer='), {
      customer: ['7', '8', ''],
      batch: 'b=1',
    });
    assert.deepEqual(Object.entries(stamps('__proto__=1', '__proto__=2') as object), [
      ['__proto__', ['1', '2']],
    ]);
    for (const word of ['foo', '=7', '']) {
      refuses(
        () => stamps('customer=7', word),
        `Invalid value for 'key1=value1' of revoke_by_stamped_headers: '${word}' is not KEY=VALUE.`,
      );
    }
  });

  it('may be typed as help shows them with their defaults, in any order', () => {
    const shown = commands
      .offered('inspect')
      .concat(commands.offered('control'))
      .flatMap(row =>
        [...row.signature.matchAll(/\[(\w+=\w+)/g)].map(([, word]) => [row, word!] as const),
      )
      .filter(([row]) => row.rest === undefined);
    assert.ok(shown.length >= 7, String(shown.length));
    for (const [row, word] of shown) {
      const value = Object.values(argumentsOf(row, [word]));
      assert.deepEqual(value.map(String), [word.split('=')[1]!.replace('False', 'false')]);
    }
    assert.deepEqual(args('inspect', 'conf', 'include_defaults=True'), { with_defaults: true });
    assert.deepEqual(args('inspect', 'conf', 'with_defaults=no'), { with_defaults: false });
    assert.deepEqual(args('inspect', 'objgraph', 'num=5', 'Request', '3'), {
      ...{ num: 5, type: 'Request', max_depth: 3 },
    });
  });

  it('that are typed by name are refused when they are given twice or cannot be read', () => {
    refuses(() => args('control', 'pool_grow', '1', 'N=2'), "Argument 'N' is given twice.");
    refuses(
      () => args('inspect', 'memdump', 'n_samples='),
      "Invalid value for 'n_samples' of memdump: '' is not a whole number.",
    );
    refuses(
      () => args('inspect', 'memdump', 'samplez=3'),
      "Invalid value for 'n_samples' of memdump: 'samplez=3' is not a whole number.",
    );
    // what help does not show with a default is a word as any other
    assert.deepEqual(args('control', 'cancel_consumer', 'queue=x'), { queue: 'queue=x' });
  });

  it('are called in help what their rows call them', () => {
    for (const { name, args: declared, rest, signature } of CONTROL_COMMANDS) {
      for (const { as } of [...Object.values(declared), ...(rest ? [rest] : [])]) {
        if (as !== undefined) assert.ok(signature.includes(as), `${name}: ${as}`);
      }
    }
  });

  it('that cannot be read are named with their argument', () => {
    refuses(
      () => args('control', 'pool_grow', 'abc'),
      "Invalid value for 'N' of pool_grow: 'abc' is not a whole number.",
    );
    refuses(
      () => args('control', 'pool_grow', '99999999999999999999'),
      "Invalid value for 'N' of pool_grow: '99999999999999999999' is too large.",
    );
    refuses(
      () => args('inspect', 'conf', 'maybe'),
      "Invalid value for 'include_defaults' of conf: 'maybe' is not true or false.",
    );
  });

  it('that are no rate are refused, and spaces around one do not count', () => {
    for (const word of ['-1/s', '5/d', 'often', '', '5 / m']) {
      refuses(
        () => args('control', 'rate_limit', 'proj.add', word),
        `Invalid value for 'rate_limit' of rate_limit: '${word}' is not a rate such as "10/s", "10/m" or "10/h", or a number per second.`,
      );
    }
    for (const word of [' 5/m', '5/m ', '0', '0.5']) {
      const { rate_limit } = args('control', 'rate_limit', 'proj.add', word);
      assert.equal(rate_limit, word.trim());
    }
  });

  it('name a command of their kind, else the nearest one is named', () => {
    assert.equal(named('inspect', 'greet').help, 'Say hello.');
    const available = (kind: ControlCommand['kind']) =>
      commands
        .offered(kind)
        .map(({ name }) => name)
        .sort()
        .join(', ');
    const inspects = `not recognized. Available inspect commands: ${available('inspect')}`;
    refuses(() => named('inspect', 'zzzzzzz'), `Command zzzzzzz ${inspects}`);
    refuses(() => named('inspect', 'gret'), `Command gret ${inspects}\nDid you mean "greet"?`);
    refuses(
      () => named('inspect', 'dump_active'),
      `Command dump_active ${inspects}\nDid you mean "active"?`,
    );
    refuses(
      () => named('inspect', 'revoke'),
      `Command revoke ${inspects}\nIt belongs to control: tscelery control revoke`,
    );
    refuses(
      () => named('control', 'greet'),
      `Command greet not recognized. Available control commands: ${available('control')}\n` +
        'It belongs to inspect: tscelery inspect greet',
    );
  });

  it('are listed in two columns, long ones above their help', () => {
    const [title, ...lines] = commandList(commands, 'inspect').trimEnd().split('\n');

    assert.equal(title, 'Inspect Commands:');
    assert.equal(
      lines[0],
      '  ping                           Ask the nodes whether they are there.',
    );
    assert.deepEqual(lines.slice(-2), [
      '  greet [name] [times] [loud] [others...]',
      '                                 Say hello.',
    ]);
    assert.match(commandList(commands, 'control'), /^Control Commands:\n {2}revoke <id1> \[id2/);
  });
});
