import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../../../../src/wire/errors.ts';
import { readTaskHeaders } from '../../../../src/wire/messages/task-message.ts';
import { Announcer } from '../../../../src/worker/announcer.ts';
import type { DeadLetters } from '../../../../src/worker/dead-letters.ts';
import { type Keepers, Refusals } from '../../../../src/worker/intake/refusals.ts';
import { UnknownTasks } from '../../../../src/worker/intake/unknown-tasks.ts';
import { MadeDelivery, messageFor, notedExecution, turn } from '../made-requests.ts';

/** A delivery, and who may refuse it. */
function setup(keepers: Keepers = {}, message = messageFor()) {
  const { execution, clock, lines, stored } = notedExecution();
  const heard: string[] = [];
  const announcer = new Announcer([
    { refused: (_, { name }) => void heard.push(`refused: ${name}`) },
    { unknown: (_, { task }, { name }) => void heard.push(`unknown: ${task}, ${name}`) },
  ]);
  const refusals = new Refusals(execution, announcer, keepers);
  return { refusals, clock, lines, stored, heard, delivery: new MadeDelivery({ message }) };
}

/** A dead-letter queue that notes why it gets something. */
function graves() {
  const reasons: string[] = [];
  const bury = async (_: unknown, { reason, error }: { reason: string; error: string }) =>
    void reasons.push(`${reason}: ${error}`);
  return { reasons, deadLetters: { bury } as unknown as DeadLetters };
}

const UNREADABLE = new DecodeError('not JSON');

describe('a message that cannot be decoded', () => {
  test('is acknowledged, and the log quotes it', () => {
    const { refusals, delivery, lines } = setup();

    refusals.unreadable(delivery, UNREADABLE);

    assert.deepEqual(delivery.notes, ['ack']);
    assert.match(lines[0]!, /^critical: Can't decode message body: not JSON \[type:application/);
    assert.match(lines[0]!, /body: b'\[\[\], \{\}, .* \(\d+b\)$/);
  });

  test('is buried where there is a queue for that', () => {
    const { reasons, deadLetters } = graves();
    const { refusals, delivery } = setup({ deadLetters });

    refusals.unreadable(delivery, UNREADABLE);

    assert.deepEqual([reasons, delivery.notes], [["undecodable: DecodeError('not JSON')"], []]);
  });

  test('is quoted up to its first kilobyte', () => {
    const { refusals, delivery, lines } = setup({}, messageFor({ args: ['x'.repeat(5000)] }));

    refusals.unreadable(delivery, UNREADABLE);

    assert.match(lines[0]!, /\(50\d\db\)$/);
    assert.ok(lines[0]!.length < 2500, `${lines[0]!.length} characters`);
  });
});

describe('a message with wrong headers', () => {
  test('is dropped, and listeners hear of it', () => {
    const { refusals, delivery, heard, lines, stored } = setup(
      {},
      { ...messageFor(), headers: { task: 7 } },
    );

    refusals.unreadable(delivery, new InvalidTaskError('no task'));

    assert.deepEqual([delivery.notes, heard], [['drop'], ['refused: InvalidTaskError']]);
    assert.match(lines[0]!, /^error: Received invalid task message: no task\n.* discarded\./);
    assert.deepEqual(stored, []);
  });

  test('that are only dates fails its task before it is dropped', async () => {
    const { refusals, delivery, stored } = setup({}, messageFor({ headers: { eta: 'soon' } }));

    refusals.unreadable(delivery, new InvalidTaskError('eta: soon'));
    assert.deepEqual(delivery.notes, []);
    await turn();

    assert.deepEqual(
      stored.map(({ task_id, status }) => [task_id, status]),
      [['1', 'FAILURE']],
    );
    assert.deepEqual(delivery.notes, ['drop']);
  });

  test('is no answer to an error of another kind', () => {
    const { refusals, delivery } = setup();

    assert.throws(() => refusals.unreadable(delivery, new TypeError('a bug')), /a bug/);

    assert.deepEqual(delivery.notes, []);
  });
});

describe('a message that is no task', () => {
  test('is dropped with a warning', () => {
    const { refusals, delivery, heard, lines } = setup();

    refusals.noTask(delivery);

    assert.deepEqual([delivery.notes, heard], [['drop'], ['refused: InvalidTaskError']]);
    assert.match(lines[0]!, /^warning: Received and deleted unknown message\. {2}Wrong destinat/);
  });
});

describe('a message with content that is not accepted', () => {
  test('is dropped, and the log says what would be accepted', () => {
    const { reasons, deadLetters } = graves();
    const { refusals, delivery, heard, lines } = setup({ deadLetters });

    refusals.disallowedContent(delivery);

    assert.deepEqual(heard, [`refused: ${ContentDisallowed.name}`]);
    assert.match(
      lines[0]!,
      /of type application\/json \(accept_content allows application\/json\)/,
    );
    assert.match(lines[0]!, /The message goes to the dead-letter queue\./);
    assert.match(reasons[0]!, /^disallowed: ContentDisallowed\(/);
  });
});

describe('a message for a task that nobody registered', () => {
  const headers = readTaskHeaders(messageFor());

  test('fails the task, and is dropped when that is stored', async () => {
    const { refusals, delivery, heard, stored, lines } = setup();

    refusals.unregistered(delivery, headers);
    assert.deepEqual(delivery.notes, []);
    await turn();

    assert.deepEqual(stored[0]!.result, {
      exc_type: 'NotRegistered',
      exc_message: ['t.add'],
      exc_module: 'celery.exceptions',
    });
    assert.deepEqual([delivery.notes, heard], [['drop'], ['unknown: t.add, NotRegistered']]);
    assert.match(lines[0]!, /^error: Received unregistered task of type 't\.add'\.\n/);
  });

  test('is held where such messages are kept, and no failure is stored', async () => {
    const counts: number[] = [];
    const { clock } = notedExecution();
    const unknown = new UnknownTasks(clock, count => void counts.push(count));
    const { refusals, delivery, heard, stored } = setup({ unknown });

    refusals.unregistered(delivery, headers);
    await turn();

    assert.deepEqual([counts, delivery.notes, stored], [[1], [], []]);
    assert.deepEqual(heard, ['unknown: t.add, NotRegistered']);
    unknown.clear();
  });
});

describe('a message that cannot be settled', () => {
  test('is told in the log', async () => {
    const { refusals, lines } = setup();

    refusals.settle(Promise.reject(new Error('gone')));
    await turn();

    assert.deepEqual(lines, ["error: Couldn't settle a message: gone"]);
  });
});
