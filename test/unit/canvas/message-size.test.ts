import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { pipeAll } from '../../../src/canvas/pipe.ts';
import { plan } from '../../../src/canvas/plan.ts';
import { groupSignature, taskSignature } from '../../../src/canvas/shapes.ts';
import { type SignatureData, signatureCall } from '../../../src/canvas/signature.ts';
import { buildTaskMessage } from '../../../src/wire/messages/task-message.ts';

const IDS = { newId: () => randomUUID() as string, replyTo: randomUUID() };
const APPLIED = { rootId: randomUUID(), parentId: randomUUID(), newId: IDS.newId, now: 0 };

/** Bytes of the message as a store on text keeps it. */
function sizeOf(signature: SignatureData): number {
  const { headers, properties, body } = buildTaskMessage(signatureCall(signature, [], APPLIED));
  return JSON.stringify({ headers, properties }).length + Math.ceil(body.length / 3) * 4;
}

const chords = (count: number, width: number) =>
  pipeAll(
    Array.from({ length: count }, (_, level) => [
      groupSignature(
        Array.from({ length: width }, (_, i) =>
          taskSignature(`tasks.level${level}`, { args: [i] }),
        ),
      ),
      taskSignature('tasks.tsum'),
    ]).flat(),
  );

/** All that is sent for it, by the client and by workers: each message that a plan begins with, and what follows it. */
function allMessages(signature: SignatureData): number[] {
  const { sends, chords: begun } = plan(signature, { args: [[]] }, IDS);
  const sizes = sends.map(sizeOf);
  const next = sends.flatMap(({ options }) => {
    const [step, ...rest] = [...((options.chain ?? []) as SignatureData[])].reverse();
    if (!step) return [];
    const after = rest.length > 0 ? { chain: rest.reverse() } : {};
    return [{ ...step, options: { ...step.options, ...after } }];
  });
  const bodies = begun.map(({ body }) => body);
  return [...sizes, ...[...next, ...bodies].flatMap(allMessages)];
}

const largest = (signature: SignatureData) => Math.max(...allMessages(signature));

describe('the messages of a workflow of chords', () => {
  test('carry what follows them once, however many members the chords have', () => {
    const step = largest(chords(3, 10)) - largest(chords(2, 10));

    // each chord that follows adds the same, where a copy in each of its members would add ten times as much
    assert.ok(largest(chords(6, 10)) < largest(chords(2, 10)) + 4.5 * step);
    assert.ok(step < 4096, `a chord of ten tasks adds ${step} bytes`);
    assert.ok(largest(chords(6, 10)) < 24 * 1024);
  });
});
