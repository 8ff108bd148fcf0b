/**
 * A schedule in the keys of RedBeat, which a beat of Python may have written, or write next. What only
 * ours knows of an entry is in a field of its own, which RedBeat does not read.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isMap } from '../../base/kind-of.ts';
import { redisUrlForPeople } from '../../drivers/redis/client.ts';
import { RedisSession } from '../../drivers/redis/session.ts';
import type { Schedule, ScheduleContext } from '../../schedules/contract.ts';
import { jsonEncode } from '../../wire/serializers/json.ts';
import { parsePythonJson } from '../../wire/serializers/json-parser.ts';
import type { EntryRun, ScheduleStore } from '../contract.ts';
import type { Entry, EntryState, StoredEntry } from '../entry.ts';
import { type EntryData, entryFromData, entryToData } from '../entry-data.ts';
import { LeadershipLost } from '../errors.ts';
import { checkName } from '../stored-text.ts';
import { VersionWatch } from '../version-watch.ts';
import { type RedBeatKeys, redbeatKeys, redbeatPlace } from './keys.ts';
import { momentOf, stateInBoth, stateInMeta } from './python-json.ts';
import { SCRIPTS } from './scripts.ts';

/** RedBeat's decoder makes objects of these only. */
const KINDS: readonly string[] = ['interval', 'crontab'];
/** An operator, or a program, may be writing the same entry. */
const TRIES = 5;

type Row = readonly [
  key: string,
  definition: string | null,
  meta: string | null,
  ours: string | null,
  before: string | null,
];

export class RedBeatStore implements ScheduleStore {
  readonly info: string;
  readonly isShared = true;
  readonly #session: RedisSession<typeof SCRIPTS>;
  readonly #keys: RedBeatKeys;
  readonly #context: ScheduleContext;
  readonly #watch: VersionWatch;
  /** Of what was loaded: with each run RedBeat keeps when the next one is due. */
  readonly #schedules = new Map<string, Schedule>();

  constructor(setting: (name: string) => unknown, context: ScheduleContext) {
    const place = redbeatPlace(setting);
    this.#keys = redbeatKeys(setting);
    this.info = `. redis -> ${redisUrlForPeople(place.urls[0])}`;
    this.#context = context;
    this.#session = new RedisSession({ ...place, scripts: SCRIPTS });
    this.#watch = new VersionWatch(async () => String(await this.#run('loadRedBeat', ['0'])));
  }

  async start(): Promise<void> {
    await this.#session.run('connecting to Redis', client => client.ping());
  }

  async stop(): Promise<void> {
    this.#session.close();
    await this.#watch.stop();
  }

  async load(onUnreadable: (name: string, error: Error) => void): Promise<readonly StoredEntry[]> {
    const { digest, rows, ofCode } = await this.#read();
    this.#watch.saw(digest);
    this.#schedules.clear();
    const loaded: StoredEntry[] = [];
    for (const row of rows) {
      const name = this.#nameOf(row[0]);
      try {
        const entry = this.#entryOf(row, ofCode.has(name) ? 'code' : 'store');
        this.#schedules.set(name, entry.schedule);
        loaded.push({ entry, state: stateInBoth(row[2], row[4]) });
      } catch (error) {
        onUnreadable(name, error as Error);
      }
    }
    return loaded;
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    const definitions = entries.map(entry => [entry, this.#textsOf(entry)] as const);
    const { rows, ofCode } = await this.#read();
    const names = new Set(entries.map(({ name }) => name));
    for (const name of ofCode) if (!names.has(name)) await this.remove(name);
    const known = new Map(rows.map(row => [this.#nameOf(row[0]), row]));
    for (const [entry, texts] of definitions) {
      const row = known.get(entry.name);
      const enabled = enabledIn(row?.[1]) ?? entry.enabled;
      const kept = { ...entry, enabled };
      const { definition, ours } = enabled === entry.enabled ? texts : this.#textsOf(kept);
      const isSame = row?.[1] === definition && (row[3] ?? '') === ours && ofCode.has(entry.name);
      if (!isSame) await this.#write(kept, stateInMeta(row?.[2] ?? null), true);
    }
  }

  async put(entry: Entry): Promise<void> {
    const { rows } = await this.#read();
    const row = rows.find(([key]) => key === this.#keyOf(entry.name));
    const keepsRuns =
      row !== undefined && scheduleIn(row[1]) === scheduleIn(this.#textsOf(entry).definition);
    const isResumed = keepsRuns && entry.enabled && enabledIn(row[1]) === false;
    const written = isResumed ? { ...entry, enabled: false } : entry;
    await this.#write(written, stateInMeta(row?.[2] ?? null), keepsRuns);
    if (isResumed) await this.setEnabled(entry.name, true);
  }

  async remove(name: string): Promise<boolean> {
    return (await this.#run('removeRedBeatEntry', [this.#keyOf(name), name])) === 1;
  }

  async setEnabled(name: string, enabled: boolean): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      const key = this.#keyOf(name);
      const [text, meta] = await this.#session.run('reading an entry', client =>
        client.hmget(key, 'definition', 'meta'),
      );
      if (text == null) return false;
      const definition = parsePythonJson(text);
      if (!isMap(definition)) throw new ImproperlyConfigured(`${key} is no entry of RedBeat's.`);
      const changed = pythonJson({ ...definition, enabled });
      const resumed =
        enabled && definition.enabled === false ? this.#resumed(name, text, meta) : [];
      const values = [key, text, changed, ...resumed];
      if ((await this.#run('replaceRedBeatDefinition', values)) === 1) return true;
      if (tries === TRIES) {
        throw new ImproperlyConfigured(`${key} is changed by others all the time.`);
      }
    }
  }

  /** Also for RedBeat it ran last when it was resumed; ours knows what it was before. */
  #resumed(name: string, definition: string, meta: string | null | undefined): readonly string[] {
    const state = stateInMeta(meta ?? null);
    if (!state) return [];
    const now = this.#context.now();
    const resumed = metaOf({ ...state, lastRunAt: now });
    let schedule: Schedule | undefined;
    try {
      ({ schedule } = entryFromData(name, mapIn(name, definition), this.#context));
    } catch {
      // told when it is loaded
    }
    const before = JSON.stringify({ resumed, meta });
    return [resumed, before, String(this.#score(schedule, now))];
  }

  async save(runs: readonly EntryRun[], token: number): Promise<void> {
    const values = runs.flatMap(({ name, state }) => [
      this.#keyOf(name),
      metaOf(state),
      String(this.#score(this.#schedules.get(name), state.lastRunAt)),
    ]);
    if ((await this.#run('saveRedBeatRuns', [String(token), ...values])) === 1) return;
    throw new LeadershipLost(
      'Another beat has written to the schedule since this one was elected.',
    );
  }

  watch(onChange: () => void): Promise<() => Promise<void>> {
    return this.#watch.start(onChange);
  }

  async #write(entry: Entry, state: EntryState | undefined, keepsRuns: boolean): Promise<void> {
    const { definition, ours } = this.#textsOf(entry);
    // as in RedBeat a new entry ran last when it was made
    const since = keepsRuns && state ? state.lastRunAt : this.#context.now();
    await this.#run('putRedBeatEntry', [
      this.#keyOf(entry.name),
      definition,
      ours,
      pythonJson({ last_run_at: momentOf(since) }),
      String(this.#score(entry.schedule, since)),
      keepsRuns ? '0' : '1',
      entry.origin === 'code' ? entry.name : '',
    ]);
    this.#schedules.set(entry.name, entry.schedule);
  }

  /** Whole seconds, as RedBeat writes them; negative is never, and what is overdue is due now. */
  #score(schedule: Schedule | undefined, lastRunAt: number): number {
    const now = this.#context.now();
    if (!schedule) return Math.floor(now);
    const next = schedule.nextRun(new Date(lastRunAt * 1000));
    return next === null ? -1 : Math.floor(Math.max(next.getTime() / 1000, now));
  }

  #textsOf(entry: Entry): { readonly definition: string; readonly ours: string } {
    checkName(entry.name);
    const data = entryToData(entry);
    const { name, task, args, kwargs, options, schedule, enabled, origin: _, ...ours } = data;
    this.#check(name, schedule);
    const fields = { name, task, args, kwargs, options, schedule, enabled };
    return {
      definition: pythonJson(fields),
      ours: Object.keys(ours).length === 0 ? '' : pythonJson(ours),
    };
  }

  #check(name: string, schedule: EntryData['schedule']): void {
    const refuse = (why: string) => {
      throw new ImproperlyConfigured(
        `The entry ${JSON.stringify(name)} cannot be kept in RedBeat's keys: ${why}.`,
      );
    };
    if ('timezone' in schedule && schedule.timezone !== undefined) {
      refuse('RedBeat reads no schedule that has a zone of its own');
    }
    if (!KINDS.includes(schedule.__type__)) {
      refuse(`RedBeat reads intervals and crontabs, and no ${schedule.__type__}`);
    }
    const key = this.#keyOf(name);
    const { schedule: set, statics, lock, token } = this.#keys;
    if ([set, statics, lock, token].includes(key)) refuse('its name is that of another key');
  }

  #entryOf([key, definition, , ours]: Row, origin: Entry['origin']): Entry {
    const name = this.#nameOf(key);
    const data = mapIn(name, definition);
    const extra = ours ? mapIn(name, ours) : {};
    const entry = entryFromData(name, { ...data, ...extra, origin }, this.#context);
    return entry;
  }

  #keyOf(name: string): string {
    return this.#keys.prefix + name;
  }

  #nameOf(key: string): string {
    const { prefix } = this.#keys;
    return key.startsWith(prefix) ? key.slice(prefix.length) : key;
  }

  async #read() {
    const answer = await this.#run('loadRedBeat', ['1']);
    const [digest, rows, ofCode] = answer as [string, Row[], string[]];
    return { digest, rows, ofCode: new Set(ofCode) };
  }

  #run(script: keyof typeof SCRIPTS, values: readonly string[]): Promise<unknown> {
    const { schedule, statics, token } = this.#keys;
    return this.#session.run('talking to Redis', client =>
      client[script](schedule, statics, token, ...values),
    );
  }
}

const pythonJson = (value: unknown) => jsonEncode(value, { typed: false, spacing: 'python' });

const metaOf = ({ lastRunAt, totalRunCount }: EntryState) =>
  pythonJson({ last_run_at: momentOf(lastRunAt), total_run_count: totalRunCount });

function mapIn(name: string, text: string | null): Record<string, unknown> {
  const wrong = (why: string) =>
    new ImproperlyConfigured(`The entry ${JSON.stringify(name)} of RedBeat: ${why}.`);
  if (text === null) throw wrong('its definition is missing');
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (error) {
    throw wrong(`it is no JSON: ${(error as Error).message}`);
  }
  if (!isMap(value)) throw wrong('it is no object');
  return { ...value };
}

function fieldIn(text: string | null | undefined, field: string): unknown {
  try {
    const value = text ? parsePythonJson(text) : undefined;
    return isMap(value) ? value[field] : undefined;
  } catch {
    return undefined;
  }
}

const scheduleIn = (text: string | null) => pythonJson(fieldIn(text, 'schedule') ?? null);

function enabledIn(text: string | null | undefined): boolean | undefined {
  const enabled = fieldIn(text, 'enabled');
  return typeof enabled === 'boolean' ? enabled : undefined;
}
