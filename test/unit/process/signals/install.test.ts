import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { holdSignals, installHeld } from '../../../../src/process/signals/early.ts';
import {
  handlersOf,
  installSignals,
  remappedTerm,
  remapTerm,
} from '../../../../src/process/signals/install.ts';
import { type HandledSignal, SIGNAL_TABLE } from '../../../../src/process/signals/table.ts';
import { eventually } from '../../../support/eventually.ts';

const ALL = SIGNAL_TABLE.map(({ signal }) => signal);
const listeners = () => ALL.map(signal => process.listenerCount(signal));
const before = listeners();

/** This process gets the signal. */
const send = (signal: HandledSignal) => process.kill(process.pid, signal);

afterEach(() => {
  installHeld({})();
  assert.deepEqual(listeners(), before, 'a test has left a handler behind');
});

describe('handlers of signals', () => {
  it('are those of the actions that a program has', () => {
    const stop = () => {};
    const grow = () => {};
    assert.deepEqual(handlersOf({ stop, grow }), { SIGTERM: stop, SIGTTIN: grow });
    assert.deepEqual(handlersOf({}), {});
  });

  it('leave a terminal what is its own', () => {
    const every = () => {};
    const actions = Object.fromEntries(SIGNAL_TABLE.map(({ action }) => [action, every]));
    assert.deepEqual(Object.keys(handlersOf(actions)), ALL);
    const onTerminal = Object.keys(handlersOf(actions, true));
    assert.deepEqual(
      ALL.filter(signal => !onTerminal.includes(signal)),
      ['SIGHUP', 'SIGTTIN', 'SIGTTOU'],
    );
  });

  it('are called each time, until they are taken away', async () => {
    const came: string[] = [];
    const uninstall = installSignals({
      SIGUSR2: () => came.push('USR2'),
      SIGTTIN: () => came.push('TTIN'),
    });
    send('SIGUSR2');
    await eventually(() => came.length === 1);
    send('SIGUSR2');
    send('SIGTTIN');
    await eventually(() => came.length === 3);

    uninstall();
    uninstall();

    assert.deepEqual([...came].sort(), ['TTIN', 'USR2', 'USR2']);
    assert.deepEqual(listeners(), before);
  });

  it('leave those of others where they are', () => {
    const other = () => {};
    process.on('SIGUSR2', other);
    installSignals({ SIGUSR2: () => {} })();
    assert.ok(process.listeners('SIGUSR2').includes(other));
    process.off('SIGUSR2', other);
  });
});

describe('TERM', () => {
  const stop = () => {};
  const quit = () => {};
  const handlers = { SIGTERM: stop, SIGQUIT: quit };

  it('acts as another signal when it is told to', () => {
    assert.deepEqual(remapTerm(handlers, 'SIGQUIT'), { SIGTERM: quit, SIGQUIT: quit });
    assert.equal(remapTerm(handlers, undefined), handlers);
  });

  it('stays what it is when the program has nothing for the other signal', () => {
    assert.equal(remapTerm(handlers, 'SIGUSR1'), handlers);
  });

  for (const [given, expected] of [
    ['', undefined],
    ['SIGQUIT', 'SIGQUIT'],
    ['QUIT', 'SIGQUIT'],
    ['SIGINT', 'SIGINT'],
  ] as const) {
    it(`acts as ${expected ?? 'itself'} with REMAP_SIGTERM=${given}`, () => {
      assert.equal(remappedTerm(given), expected);
    });
  }

  for (const given of ['SIGQUTI', 'SIGKILL', 'SIGSEGV', '9000', 'stop']) {
    it(`is not mapped to ${given}`, () => {
      assert.throws(
        () => remappedTerm(given),
        error =>
          error instanceof ImproperlyConfigured &&
          error.message.startsWith(
            'REMAP_SIGTERM must be one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, got',
          ) &&
          error.message.includes(JSON.stringify(given)),
      );
    });
  }
});

describe('signals that come before a program handles them', () => {
  it('wait for it, each once', async () => {
    const seen: string[] = [];
    const note = () => void seen.push('seen');
    holdSignals(false);
    process.on('SIGUSR2', note);
    send('SIGUSR2');
    await eventually(() => seen.length === 1);
    send('SIGUSR2');
    await eventually(() => seen.length === 2);
    process.off('SIGUSR2', note);

    const came: string[] = [];
    const uninstall = installHeld({
      SIGUSR2: () => came.push('USR2'),
      SIGHUP: () => came.push('HUP'),
    });
    uninstall();

    assert.deepEqual(came, ['USR2']);
  });

  it('are forgotten when nobody has anything for them', async () => {
    let seen = 0;
    const note = () => {
      seen += 1;
    };
    holdSignals(false);
    process.on('SIGTTIN', note);
    send('SIGTTIN');
    await eventually(() => seen === 1);
    process.off('SIGTTIN', note);

    installHeld({})();
    const came: string[] = [];
    installHeld({ SIGTTIN: () => came.push('TTIN') })();

    assert.deepEqual(came, []);
  });

  it('keep their meaning on a terminal, and those that mean the end everywhere', () => {
    const held = (isOnTerminal: boolean) => {
      holdSignals(isOnTerminal);
      const now = listeners();
      installHeld({})();
      return ALL.filter((_, i) => now[i]! > before[i]!);
    };
    assert.deepEqual(held(false), ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU']);
    assert.deepEqual(held(true), ['SIGUSR1', 'SIGUSR2']);
  });

  it('are held once, however often that is asked for', () => {
    holdSignals(false);
    const once = listeners();
    holdSignals(false);
    assert.deepEqual(listeners(), once);
  });
});
