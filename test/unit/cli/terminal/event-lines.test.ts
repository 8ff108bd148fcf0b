import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLines } from '../../../../src/cli/terminal/event-lines.ts';
import type { ReceivedEvent } from '../../../../src/events/receiver.ts';

/** 2026-11-29 10:12:16 UTC */
const MOMENT = Date.UTC(2026, 10, 29, 10, 12, 16) / 1000;

function event(type: string, fields: Record<string, unknown> = {}): ReceivedEvent {
  const head = { type, hostname: 'w1@h', timestamp: MOMENT };
  return { ...head, ...fields } as unknown as ReceivedEvent;
}

describe('the line of an event', () => {
  const words: readonly (readonly [string, string])[] = [
    ['worker-online', 'started'],
    ['worker-offline', 'shutdown'],
    ['worker-heartbeat', 'heartbeat'],
    ['WORKER-ONLINE', 'started'],
    ['disk-nearly-full', 'disk nearly full'],
  ];
  for (const [type, shown] of words) {
    it(`calls ${type} ${shown}`, () => {
      const line = new EventLines().line(event(type));
      assert.equal(line, `w1@h [2026-11-29 10:12:16] ${shown} `);
    });
  }

  it('has the fields in order of their names, as Python writes their values', () => {
    const fields = { sw_ident: 'tscelery', active: 2, loadavg: [0.5, 1], ok: true, none: null };

    assert.equal(
      new EventLines().line(event('worker-heartbeat', fields)),
      'w1@h [2026-11-29 10:12:16] heartbeat: active=2, loadavg=[0.5, 1], none=None, ok=True, sw_ident=tscelery',
    );
  });

  const moments: readonly (readonly [number, string])[] = [
    [MOMENT + 0.5, '2026-11-29 10:12:16.500000'],
    [MOMENT + 0.000_25, '2026-11-29 10:12:16.000250'],
    [MOMENT + 0.999_999_9, '2026-11-29 10:12:17'],
    [0, '1970-01-01 00:00:00'],
    [-0.5, '1969-12-31 23:59:59.500000'],
    [1e300, '1e+300'],
    [Number.NaN, 'NaN'],
  ];
  for (const [timestamp, shown] of moments) {
    it(`shows the moment ${timestamp} as ${shown}`, () => {
      const line = new EventLines().line(event('x', { timestamp }));
      assert.equal(line, `w1@h [${shown}] x `);
    });
  }

  it('of a task has its call when it is sent or received', () => {
    const call = { uuid: 'id-1', name: 'proj.add', args: '[2, 2]', kwargs: '{}' };

    assert.equal(
      new EventLines().line(event('task-received', { ...call, retries: 0 })),
      'w1@h [2026-11-29 10:12:16] task received: proj.add(id-1) args=[2, 2] kwargs={} retries=0',
    );
  });

  it('of a task has its call later as well, with what is new', () => {
    const lines = new EventLines();
    lines.line(event('task-sent', { uuid: 'id-1', name: 'add', args: '[1]', kwargs: '{}' }));

    assert.equal(
      lines.line(event('task-succeeded', { uuid: 'id-1', result: '3', runtime: 0.25 })),
      'w1@h [2026-11-29 10:12:16] task succeeded: add(id-1) args=[1] kwargs={} result=3, runtime=0.25',
    );
  });

  it('of a task whose call nobody heard says what there is', () => {
    assert.equal(
      new EventLines().line(event('task-started', { uuid: 'id-9', pid: 7 })),
      'w1@h [2026-11-29 10:12:16] task started: pid=7, uuid=id-9',
    );
  });

  it('shows what is no text of a call as it is', () => {
    const line = new EventLines().line(
      event('task-received', { uuid: 1, name: undefined, args: [1], kwargs: { a: 'b' } }),
    );
    assert.match(line, /task received None\(1\) args=\[1\] kwargs=\{'a': 'b'\} $/);
  });

  it('is one line that nobody can forge, whatever is in the event', () => {
    const line = new EventLines().line(
      event('task-failed\n', { hostname: 'w\u001b[2J', uuid: 'x', exception: "E('\n\u202e')" }),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(line, /[\u0000-\u001f\u202e]/);
    assert.match(line, /^w\\x1b\[2J /);
  });

  it('remembers the calls of thousands of tasks, and not of all', () => {
    const lines = new EventLines();
    const call = (n: number) =>
      lines.line(event('task-received', { uuid: `id-${n}`, name: 't', args: '', kwargs: '' }));
    for (let n = 0; n < 20_000; n++) call(n);

    const knows = (n: number) =>
      lines.line(event('task-started', { uuid: `id-${n}` })).includes(`t(id-${n})`);

    assert.deepEqual([knows(19_999), knows(20_000 - 4095), knows(0)], [true, true, false]);
  });
});
