import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import { readEntry } from '../../../../src/app/schedules/read-entry.ts';
import { beatLazy, Celery, crontab } from '../../../../src/index.ts';
import { entryFromData, entryToData } from '../../../../src/schedule-stores/entry-data.ts';

test('an entry says when, what and how, in either spelling', () => {
  const entry = readEntry('e', {
    ...{ task: 't.add', schedule: { minutes: 2 }, args: [1], kwargs: { y: 2 } },
    options: { expires: 5, routing_key: 'a', timeLimit: 3 },
    ...{ catch_up: 'all', maxAge: { hours: 1 }, jitter: 3, enabled: false, overlap: 'skip' },
  });
  const { schedule, ...others } = entry;
  assert.equal(String(schedule), '<freq: 2.00 minutes>');
  assert.deepEqual(others, {
    ...{ name: 'e', task: 't.add', args: [1], kwargs: { y: 2 }, origin: 'code', description: '' },
    options: { expires: 5, routing_key: 'a', time_limit: 3 },
    ...{ catchUp: 'all', maxAge: 3600, jitter: 3, enabled: false, overlap: 'skip' },
  });
});

for (const [fields, message] of [
  [{ task: 't', shedule: 1 }, 'The entry "e": there is no "shedule". Did you mean "schedule"?'],
  [{ schedule: 1 }, 'The entry "e": its task is missing.'],
  [{ task: 't' }, 'The entry "e": its schedule is missing.'],
  [{ task: 3, schedule: 1 }, 'The entry "e": task must be the name of a task, or a task, got 3.'],
  [
    { task: 't', schedule: 1, overlap: 'skp' },
    'The entry "e": overlap must be "allow", "skip" or "queue-one", got \'skp\'. Did you mean "skip"?',
  ],
  [
    { task: 't', schedule: 1, options: { expire: 3 } },
    'The options of the entry "e": there is no option "expire". Did you mean "expires"?',
  ],
  [
    { task: 't', schedule: 1, options: { task_id: 'x' } },
    'The options of the entry "e": task_id belongs to one call; every run of an entry has its own.',
  ],
] as const) {
  test(`refused: ${message}`, () => {
    assert.throws(() => readEntry('e', fields), { name: 'ImproperlyConfigured', message });
  });
}

test('an entry comes back from a store as it was', () => {
  const made = readEntry('e', {
    ...{ task: 't.add', schedule: crontab({ hour: 4 }), args: [1], options: { queue: 'q' } },
    ...{ catchUp: 'none', max_age: 10, jitter: 2, overlap: 'queue-one', description: 'x' },
  });
  const data = JSON.parse(JSON.stringify(entryToData(made))) as unknown;
  assert.deepEqual(entryToData(entryFromData('e', data)), entryToData(made));
});

test('what a store holds of RedBeat is an entry', () => {
  const { schedule, ...others } = entryFromData('e', {
    ...{ name: 'e', task: 't.add', args: [1, 2], kwargs: null, options: {}, enabled: true },
    schedule: { __type__: 'interval', every: 10, relative: false },
  });
  assert.equal(String(schedule), '<freq: 10.00 seconds>');
  assert.deepEqual([others.catchUp, others.origin, others.kwargs], ['last', 'store', {}]);
});

test('an argument that is computed when it is sent cannot be kept in a store', () => {
  const lazy = readEntry('e', { task: 't', schedule: 1, args: [beatLazy(() => 1)] });
  assert.throws(() => entryToData(lazy), /The entry "e" cannot be kept in a store: .*beatLazy/);
});

test('addPeriodicTask takes a signature, and options of entry and call', async () => {
  const app = new Celery('proj', { broker_url: 'memory://', result_backend: 'disabled://' });
  const add = app.task('proj.add', (x: number, y: number) => x + y);
  assert.equal(app.addPeriodicTask(10, add.s(1, 2)), 'proj.add(1, 2)');
  app.addPeriodicTask(10, add, {
    args: [3, 4],
    name: 'n',
    queue: 'q',
    catchUp: 'none',
    expires: 9,
  });
  const [first, second] = await app[INTERNALS].periodicTasks.entries();
  assert.deepEqual([first!.task, first!.args], ['proj.add', [1, 2]]);
  assert.deepEqual([second!.name, second!.args, second!.catchUp], ['n', [3, 4], 'none']);
  assert.deepEqual(second!.options, { queue: 'q', expires: 9 });
  assert.throws(
    () => app.addPeriodicTask(10, add, { catchup: 'none' } as never),
    /There is no option "catchup" of addPeriodicTask\. Did you mean "catchUp"\?/,
  );
  assert.throws(
    () => app.addPeriodicTask(10, 'proj.add' as unknown as typeof add, { args: [1, 2] }),
    /must be a task or a signature/,
  );
});

test('a second call of addPeriodicTask for the same call is told of, unless it has a name', async () => {
  const app = new Celery('proj', { broker_url: 'memory://' });
  const add = app.task('proj.add', (x: number, y: number) => x + y);
  const warnings: string[] = [];
  const listen = ({ message }: Error) => void warnings.push(message);
  process.on('warning', listen);
  app.addPeriodicTask(10, add.s(1, 2));
  app.addPeriodicTask(20, add.s(1, 2), { name: 'other' });
  app.addPeriodicTask(30, add.s(1, 3));
  app.addPeriodicTask(30, add.s(1, 2));
  await new Promise(resolve => setImmediate(resolve));
  process.off('warning', listen);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /twice for proj\.add\(1, 2\): the second .* place of the first/);
});

test('a configuration file without code writes a crontab in its stored form, and is told so', () => {
  const form = { __type__: 'crontab', minute: '0', hour: '4' } as const;
  const { schedule } = readEntry('e', { task: 't', schedule: form });
  assert.equal(String(schedule), '<crontab: 0 4 * * * (m/h/dM/MY/d)>');
  assert.throws(
    () => readEntry('e', { task: 't', schedule: 'hourly' }),
    /The entry "e": schedule: .*\{ minutes: 5 \}.*\{ "__type__": "crontab", "minute": "0"/,
  );
});
