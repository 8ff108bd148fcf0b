import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Farewell } from '../../../../src/worker/running/farewell.ts';
import { notedExecution, turn } from '../made-requests.ts';

const never = () => new Promise<void>(() => {});

function setup() {
  const { execution, clock, lines } = notedExecution();
  const farewell = new Farewell(execution.logger, clock);
  const said: string[] = [];
  const say = (what: string, words: Promise<void>, seconds: number) =>
    farewell.say(what, words, seconds).then(() => void said.push(what));
  return { clock, lines, said, say };
}

describe('what a broker is told at the end', () => {
  test('waits for its answer, and leaves no timer behind', async () => {
    const { clock, lines, said, say } = setup();

    await say('that', Promise.resolve(), 5);

    assert.deepEqual([said, lines, clock.pending], [['that'], [], 0]);
  });

  test('is not waited for longer than that; what comes after it gets little time and no warning', async () => {
    const { clock, lines, said, say } = setup();

    const first = say('that', never(), 5);
    clock.advance(5);
    await first;
    const second = say('this', never(), 5);
    clock.advance(0.5);
    await second;

    assert.deepEqual(said, ['that', 'this']);
    assert.deepEqual(
      lines.filter(line => !line.startsWith('debug')),
      [
        'warning: The broker did not answer within 5 s and may not know that. What is not acknowledged comes back to its queue by itself.',
      ],
    );
  });

  test('gets its time again when the broker has answered after all', async () => {
    const { clock, said, say } = setup();
    let answer = () => {};

    const first = say('that', new Promise(resolve => (answer = resolve)), 5);
    clock.advance(5);
    await first;
    answer();
    await turn();
    void say('this', never(), 5);
    clock.advance(4.9);
    await turn();

    assert.deepEqual(said, ['that']);
  });

  test('fails when the broker refuses', async () => {
    const { say } = setup();

    await assert.rejects(say('that', Promise.reject(new Error('no')), 5), /no/);
  });
});
