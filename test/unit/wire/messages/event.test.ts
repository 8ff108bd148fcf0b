import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptedContentTypes } from '../../../../src/wire/content.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../../src/wire/messages/envelope.ts';
import {
  buildEventMessage,
  type Event,
  type EventFields,
  type EventStamp,
  eventGroup,
  eventMessage,
  eventOf,
  eventRoutingKey,
  readEvents,
  TASK_BATCH,
  utcOffset,
} from '../../../../src/wire/messages/event.ts';
import { createEventBatch } from '../../../../src/wire/messages/event-batch.ts';
import * as tasks from '../../../../src/wire/messages/task-events.ts';
import type { TaskHeaders } from '../../../../src/wire/messages/task-headers.ts';
import { listGolden, readGolden } from '../golden-files.ts';

const ACCEPT = acceptedContentTypes(['json']);

interface Capture {
  readonly type: string;
  readonly batched: boolean;
  readonly event: Event;
  readonly raw: string;
}

const captures = listGolden('events').map(path => ({
  path,
  ...(readGolden(path) as unknown as Capture),
}));

function message(body: unknown) {
  return buildEventMessage(body as Event, { hostname: 'w1@vm', serializer: 'json' });
}

/** The event that we would send at that moment. */
function ours({ type, ...given }: Event): Event {
  const { stamp, fields } = partsOf(given as Event);
  return eventOf(type, stamp, oursOf(type, fields as Record<string, never>));
}

/** The list with only that, as a worker writes it. */
function listOf({ type, ...given }: Event): string | Uint8Array {
  const { stamp, fields } = partsOf(given as Event);
  const batch = createEventBatch('json');
  batch.add(type, stamp, oursOf(type, fields as Record<string, never>));
  return batch.take();
}

function partsOf(event: Event): { stamp: EventStamp; fields: EventFields } {
  const { hostname, utcoffset, pid, clock, timestamp, type: _, ...fields } = event;
  return { stamp: { hostname, utcoffset, pid, clock, timestamp }, fields };
}

function oursOf(type: string, fields: Record<string, never>): EventFields {
  const id = String(fields.uuid);
  const headers = {
    ...{ id, task: fields.name, shadow: null, argsrepr: fields.args, kwargsrepr: fields.kwargs },
    ...{ rootId: fields.root_id, parentId: fields.parent_id, retries: fields.retries },
    ...{ etaText: fields.eta, expiresText: fields.expires },
  } as unknown as TaskHeaders;
  switch (type) {
    case 'task-received':
      return tasks.taskReceived(headers);
    case 'task-started':
      return tasks.taskStarted(id);
    case 'task-succeeded':
      return tasks.taskSucceeded(id, fields.result as never, fields.runtime as never);
    case 'task-failed':
    case 'task-retried':
      return tasks.taskFailed(id, fields as never);
    case 'task-revoked':
      return tasks.taskRevoked(id, fields as never);
    case 'task-rejected':
      return tasks.taskRejected(id, fields.requeue as never);
    case 'task-sent':
      return tasks.taskSent(headers, { ...fields, routingKey: fields.routing_key } as never);
    default:
      return fields;
  }
}

describe('an event', () => {
  for (const { path, event, type, batched, raw } of captures) {
    test(`has Python's fields in Python's order: ${path}`, () => {
      const event_ = ours(event);

      assert.equal(JSON.stringify(event_), JSON.stringify(event));

      const { message: theirs, routingKey, exchange, deliveryTag = '' } = decodeEnvelope(raw);
      assert.equal(routingKey, eventRoutingKey(batched ? TASK_BATCH : type));
      const options = { hostname: event.hostname, serializer: 'json' };
      const built = batched
        ? eventMessage(listOf(event), options)
        : buildEventMessage(event_, options);
      const text = encodeEnvelope(built, { exchange, routingKey, deliveryTag });
      const { body, ...rest } = JSON.parse(text) as Record<string, unknown>;
      const { body: theirBody, ...theirRest } = JSON.parse(raw) as Record<string, unknown>;
      assert.deepEqual(rest, theirRest);
      assert.deepEqual(decoded(body), decoded(theirBody));
      assert.deepEqual(readEvents(theirs, ACCEPT), { events: [event], refused: 0 });
    });
  }

  test('leaves out the traceback that a failure does not have', () => {
    const stamp = { hostname: 'h', utcoffset: 0, pid: 1, clock: 1, timestamp: 1 };

    const fields = tasks.taskFailed('id', { exception: "NotRegistered('x')" });
    const event = eventOf('task-failed', stamp, fields);

    assert.ok(!('traceback' in readEvents(message(event), ACCEPT).events[0]!));
  });

  test('tells the hours west of UTC', () => {
    assert.deepEqual([300, 0, -120, -330].map(utcOffset), [5, 0, -2, -6]);
    assert.ok(Object.is(utcOffset(-0), 0));
  });

  test('belongs to the group before its first dash', () => {
    assert.deepEqual(['task-sent', 'worker-elect-ack', 'mine'].map(eventGroup), [
      'task',
      'worker',
      'mine',
    ]);
  });

  test('in a list survives others that are none', () => {
    const event = captures[0]!.event;
    const body = [1, null, event, { type: 'task-sent' }, { ...event, timestamp: 'now' }];

    assert.deepEqual(readEvents(message(body), ACCEPT), { events: [event], refused: 4 });
  });

  for (const body of [7, 'text', null, {}, { type: '', hostname: 'h', timestamp: 1 }]) {
    test(`is not ${JSON.stringify(body)}`, () => {
      assert.throws(() => readEvents(message(body), ACCEPT), { name: 'DecodeError' });
    });
  }

  test('in another serializer than those accepted is refused', () => {
    const packed = buildEventMessage(captures[0]!.event, { hostname: 'h', serializer: 'msgpack' });

    assert.throws(() => readEvents(packed, ACCEPT), { name: 'ContentDisallowed' });
  });
});

function decoded(body: unknown): unknown {
  return JSON.parse(Buffer.from(String(body), 'base64').toString());
}
