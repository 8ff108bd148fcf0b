/** `tscelery schedule`: the entries that beat sends, through `app.schedules` alone. */
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import type { PeriodicEntry } from '../../app/schedules/schedules.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { printable, printableJson } from '../../base/text/printable.ts';
import { misspeltTask } from '../../beat/entry-checks.ts';
import { LocalElection } from '../../beat/leader/local.ts';
import { lockKeyOf } from '../../beat/lock-key.ts';
import { electionOf } from '../../beat/open-scheduler.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { SCHEDULE_OPTIONS } from '../declarations/schedule.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError } from '../parsing/command-error.ts';
import { details, entryJson, table } from '../schedules/entry-lines.ts';
import { changedEntry, newEntry, type ScheduleValues, usage } from '../schedules/given-entry.ts';

interface Errand {
  readonly app: Celery;
  readonly values: ScheduleValues;
  /** What follows the action. */
  readonly words: readonly string[];
}

/** Resolves with an exit code, which is 0 when there is none. */
type Run = (errand: Errand) => Promise<number | void>;

interface Action {
  readonly words: string;
  readonly least: number;
  readonly most: number;
  /** Whether it takes the options of add and edit. */
  readonly writes?: boolean;
  readonly help: string;
  readonly run: Run;
}

const WITH_JSON: readonly string[] = ['ls', 'show', 'leader'];
const MANY = Number.POSITIVE_INFINITY;

const ACTIONS: Readonly<Record<string, Action>> = {
  ls: { words: '', least: 0, most: 0, help: 'One line for each entry.', run: ls },
  show: { words: 'NAME...', least: 1, most: MANY, help: 'Everything about entries.', run: show },
  add: {
    words: 'NAME TASK',
    least: 2,
    most: 2,
    writes: true,
    help: 'Send a task by a schedule.',
    run: add,
  },
  edit: { words: 'NAME', least: 1, most: 1, writes: true, help: 'Change an entry.', run: edit },
  pause: { words: 'NAME...', least: 1, most: MANY, help: 'Send them no more.', run: pause },
  resume: { words: 'NAME...', least: 1, most: MANY, help: 'Send them again.', run: resume },
  remove: { words: 'NAME...', least: 1, most: MANY, help: 'Delete entries.', run: remove },
  run: { words: 'NAME...', least: 1, most: MANY, help: 'Send their tasks now.', run: runNow },
  leader: { words: '', least: 0, most: 0, help: 'Which beat sends.', run: leader },
};

const HELP = `Usage: tscelery schedule COMMAND [OPTIONS]

Commands:
${Object.entries(ACTIONS)
  .map(([name, { words, help }]) => `  ${`${name} ${words}`.padEnd(16)}  ${help}`)
  .join('\n')}`;

export async function run(invocation: Invocation<typeof SCHEDULE_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  if (words.length === 0) {
    process.stdout.write(`${HELP}\n`);
    return EXIT.ok;
  }
  const [action, ...rest] = words;
  const { run: act } = readAction(action!, rest, values);
  const { app, source } = await loadApp(globals);
  try {
    await importEntries(app, source.cwd);
    return (await act({ app, values, words: rest })) ?? EXIT.ok;
  } finally {
    await app.close();
  }
}

/** Those of the code are where beat finds them; others can be looked after all the same. */
async function importEntries(app: Celery, cwd: string): Promise<void> {
  try {
    await app.importModules([], cwd);
  } catch (error) {
    note(`Entries and tasks of the code may be missing: ${(error as Error).message}`);
  }
}

function readAction(word: string, rest: readonly string[], values: ScheduleValues): Action {
  const known = Object.keys(ACTIONS);
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  if (!action) {
    throw usage(`No such command '${word}'.${didYouMean(word, known)} Known: ${known.join(', ')}.`);
  }
  if (rest.length < action.least) {
    throw usage(`Missing argument '${action.words.split(' ')[rest.length]?.replace('...', '')}'.`);
  }
  if (rest.length > action.most) {
    throw usage(`Got unexpected extra arguments (${rest.slice(action.most).join(' ')})`);
  }
  if (rest.some(name => name.trim() === '')) throw usage("Invalid value for 'NAME': it is empty.");
  for (const [key, value] of Object.entries(values)) {
    const isOfOutput = key === 'json';
    const fits = isOfOutput ? WITH_JSON.includes(word) : action.writes;
    if (value === undefined || fits) continue;
    const where = isOfOutput ? 'ls, show and leader' : 'add and edit';
    throw usage(`'${flagOf(key)}' goes with ${where}, not with ${word}.`);
  }
  return action;
}

const flagOf = (key: string) => `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Stdout belongs to the data. */
function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

function entries(app: Celery): Promise<readonly PeriodicEntry[]> {
  return app.schedules.list({ onUnreadable: (_, error) => note(error.message) });
}

/** @throws CommandError with the nearest name */
async function nobody(app: Celery, name: string): Promise<CommandError> {
  const stored = await app.schedules.list({ onUnreadable: () => {} });
  const ofCode = await app[INTERNALS].periodicTasks.entries();
  const names = [...stored, ...ofCode].map(each => each.name);
  const hint = names.includes(name)
    ? ' It is of the code, and is written there when beat starts.'
    : didYouMean(name, names);
  return new CommandError(printable(`There is no entry '${name}'.${hint}`));
}

async function found(app: Celery, name: string): Promise<PeriodicEntry> {
  const entry = await app.schedules.get(name);
  if (entry) return entry;
  throw await nobody(app, name);
}

async function ls({ app, values }: Errand): Promise<void> {
  const all = await entries(app);
  if (values.json) for (const entry of all) print(entryJson(entry));
  else if (all.length === 0) note('There are no entries.');
  else for (const line of table(all)) print(line);
}

async function show({ app, values, words }: Errand): Promise<void> {
  for (const [i, name] of words.entries()) {
    const entry = await found(app, name);
    if (values.json) print(entryJson(entry));
    else print(`${i > 0 ? '\n' : ''}${details(entry)}`);
  }
}

async function add({ app, values, words }: Errand): Promise<void> {
  const [name, task] = words as [string, string];
  const entry = newEntry(task, values);
  const known = await app.schedules.get(name).catch(() => undefined);
  if (known) throw new CommandError(printable(`There is an entry '${name}' already; see edit.`));
  await app.schedules.upsert(name, entry);
  doubt(app, name, task);
  await told(app, name, 'Added');
}

function doubt(app: Celery, name: string, task: string): void {
  const words = misspeltTask(app, { name, task });
  if (words) note(words);
}

async function edit({ app, values, words }: Errand): Promise<void> {
  const [name] = words as [string];
  const known = await found(app, name);
  await app.schedules.upsert(name, changedEntry(known, values));
  if (values.task !== undefined) doubt(app, name, values.task);
  await told(app, name, 'Changed');
  if (known.origin === 'code') note('It is of the code, which changes it back when beat starts.');
}

async function told(app: Celery, name: string, done: string): Promise<void> {
  const { enabled, nextRunAt } = await found(app, name);
  const next = nextRunAt ? `next at ${nextRunAt.toISOString()}` : enabled ? 'never due' : 'paused';
  print(printable(`${done} ${name}: ${next}.`));
}

async function pause(errand: Errand): Promise<void> {
  await each(errand, 'Paused', name => errand.app.schedules.pause(name));
}

async function resume(errand: Errand): Promise<void> {
  await each(errand, 'Resumed', name => errand.app.schedules.resume(name));
}

async function remove(errand: Errand): Promise<void> {
  const ofCode = new Set(
    (await errand.app.schedules.list({ onUnreadable: () => {} }))
      .filter(({ origin }) => origin === 'code')
      .map(({ name }) => name),
  );
  await each(errand, 'Removed', async name => {
    const isRemoved = await errand.app.schedules.remove(name);
    if (ofCode.has(name)) note('It is of the code, and comes back when beat starts; pause it.');
    return isRemoved;
  });
}

async function each(
  { app, words }: Errand,
  done: string,
  act: (name: string) => Promise<boolean>,
): Promise<void> {
  for (const name of words) {
    if (!(await act(name))) throw await nobody(app, name);
    print(printable(`${done} ${name}.`));
  }
}

/** The ids of what was sent, as `call` prints them. */
async function runNow({ app, words }: Errand): Promise<void> {
  for (const name of words) await found(app, name);
  for (const name of words) print((await app.schedules.run(name)).id);
}

/** Fails when nobody does, for scripts. */
async function leader({ app, values }: Errand): Promise<number> {
  const entriesOfCode = await app[INTERNALS].periodicTasks.entries();
  const election = await electionOf(app, lockKeyOf(app, entriesOfCode));
  if (election instanceof LocalElection) {
    throw new CommandError(
      'Beats of this app elect no leader: beat_leader_election is off, or there is no Redis, RabbitMQ or SQLite file for it (beat_lock_url).',
    );
  }
  try {
    await election.start();
    const holder = await election.holder();
    if (values.json) {
      print(printableJson(JSON.stringify({ leader: holder ?? null, election: election.info })));
    } else if (holder === undefined) note('Nobody leads.');
    else print(printable(holder));
    return holder === undefined ? EXIT.failure : EXIT.ok;
  } finally {
    await election.stop();
  }
}
