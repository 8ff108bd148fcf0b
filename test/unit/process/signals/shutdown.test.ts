import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handlersOf, remapTerm } from '../../../../src/process/signals/install.ts';
import { Shutdown } from '../../../../src/process/signals/shutdown.ts';
import type { HandledSignal } from '../../../../src/process/signals/table.ts';

const WARM = '\nworker: Warm shutdown (MainProcess)';
const COLD = '\nworker: Cold shutdown (MainProcess)';
const FIRST_INT =
  '\nworker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!';
const SECOND_INT = '\nworker: Hitting Ctrl+C again will terminate all running tasks!';
const WAITING = '\nWaiting gracefully for cold shutdown to complete...';

function setup(remap?: HandledSignal) {
  const said: string[] = [];
  const stops: string[] = [];
  const exits: number[] = [];
  let finish = () => {};
  const finished = new Promise<void>(resolve => {
    finish = resolve;
  });
  const shutdown = new Shutdown('worker', {
    stop: (how, onKill) => {
      stops.push(how);
      onKill?.();
      return finished;
    },
    say: line => said.push(line),
    exit: code => exits.push(code),
  });
  const table = remapTerm(handlersOf(shutdown.actions()), remap);
  const receive = (...signals: HandledSignal[]) => {
    for (const signal of signals) table[signal]?.();
  };
  return { shutdown, said, stops, exits, finish, receive };
}

describe('shutdown', () => {
  it('TERM stops warm, with exit code 0', async () => {
    const { shutdown, said, stops, finish, receive } = setup();

    receive('SIGTERM');
    finish();

    assert.equal(await shutdown.done, 0);
    assert.deepEqual(stops, ['warm']);
    assert.deepEqual(said, [WARM]);
  });

  it('a second TERM says so again and changes nothing', async () => {
    const { shutdown, said, stops, finish, receive } = setup();

    receive('SIGTERM', 'SIGTERM');
    finish();

    assert.equal(await shutdown.done, 0);
    assert.deepEqual(stops, ['warm']);
    assert.deepEqual(said, [WARM, WARM]);
  });

  it('the first INT stops warm, with exit code 1', async () => {
    const { shutdown, said, stops, finish, receive } = setup();

    receive('SIGINT');
    finish();

    assert.equal(await shutdown.done, 1);
    assert.deepEqual(stops, ['warm']);
    assert.deepEqual(said, [FIRST_INT, WARM]);
  });

  it('the second INT stops cold, with exit code 1', async () => {
    const { shutdown, said, stops, finish, receive } = setup();

    receive('SIGINT', 'SIGINT');
    finish();

    assert.equal(await shutdown.done, 1);
    assert.deepEqual(stops, ['warm', 'cold']);
    assert.deepEqual(said, [FIRST_INT, WARM, SECOND_INT]);
  });

  it('QUIT stops cold, with exit code 0', async () => {
    const { shutdown, said, stops, finish, receive } = setup();

    receive('SIGQUIT');
    finish();

    assert.equal(await shutdown.done, 0);
    assert.deepEqual(stops, ['cold']);
    assert.deepEqual(said, [SECOND_INT, COLD]);
  });

  it('says that the stop is cold when running tasks are about to be killed, not before', () => {
    let kill = () => {};
    const said: string[] = [];
    const shutdown = new Shutdown('worker', {
      stop: (_how, onKill) => {
        kill = onKill ?? kill;
        return new Promise(() => {});
      },
      say: line => said.push(line),
      exit: () => {},
    });

    shutdown.actions().quit();
    assert.deepEqual(said, [SECOND_INT]);
    kill();

    assert.deepEqual(said, [SECOND_INT, COLD]);
  });

  it('a QUIT after TERM turns the stop cold', async () => {
    const { shutdown, stops, finish, receive } = setup();

    receive('SIGTERM', 'SIGQUIT');
    finish();

    assert.equal(await shutdown.done, 0);
    assert.deepEqual(stops, ['warm', 'cold']);
  });

  it('an impatient user is told to wait once and then obeyed', () => {
    const { said, stops, exits, receive } = setup();

    receive('SIGINT', 'SIGINT', 'SIGINT');
    assert.equal(said.at(-1), WAITING);
    assert.deepEqual(stops, ['warm', 'cold', 'now']);
    assert.deepEqual(exits, []);

    receive('SIGINT');
    assert.deepEqual(exits, [1]);
  });

  it('a TERM during a cold stop is ignored', () => {
    const { said, stops, receive } = setup();

    receive('SIGQUIT', 'SIGTERM');

    assert.deepEqual(stops, ['cold']);
    assert.deepEqual(said, [SECOND_INT, COLD]);
  });

  it('REMAP_SIGTERM=SIGQUIT makes TERM stop cold', async () => {
    const { shutdown, stops, finish, receive } = setup('SIGQUIT');

    receive('SIGTERM');
    finish();

    assert.equal(await shutdown.done, 0);
    assert.deepEqual(stops, ['cold']);
  });

  it('a stop that fails is reported', async () => {
    const shutdown = new Shutdown('worker', {
      stop: () => Promise.reject(new Error('broker gone')),
      say: () => {},
      exit: () => {},
    });

    shutdown.warm(0);

    await assert.rejects(shutdown.done, /broker gone/);
  });
});
