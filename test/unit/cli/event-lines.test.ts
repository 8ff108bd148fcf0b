import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventLines } from '../../../src/cli/terminal/event-lines.ts';
import type { ReceivedEvent } from '../../../src/events/receiver.ts';

const event = (type: string, fields: object): ReceivedEvent => ({
  ...{ type, hostname: 'w@h', timestamp: 1, utcoffset: 0, pid: 1, clock: 1, local_received: 1 },
  ...fields,
});
const call = (uuid: string, args: string) =>
  event('task-received', { uuid, name: 'shop.pay', args, kwargs: '{}' });

describe('lines of events', () => {
  test('tell in later ones what the first one said of a task', () => {
    const lines = new EventLines();
    assert.match(lines.line(call('id-1', '(1, 2)')), /shop\.pay\(id-1\) args=\(1, 2\) kwargs=\{\}/);
    assert.match(lines.line(event('task-started', { uuid: 'id-1' })), /shop\.pay\(id-1\) args=\(1/);
  });

  test('show long arguments once in whole, and remember their beginning only', () => {
    const lines = new EventLines();
    assert.ok(lines.line(call('id-1', 'x'.repeat(1e6))).length > 1e6);

    const later = lines.line(event('task-started', { uuid: 'id-1' }));
    assert.match(later, /shop\.pay\(id-1\) args=xxx/);
    assert.ok(later.length < 3000, `${later.length} characters`);
    lines.line(call('y'.repeat(1e6), ''));
    assert.ok(!lines.line(event('task-started', { uuid: 'y'.repeat(1e6) })).includes('shop.pay'));
  });
});
