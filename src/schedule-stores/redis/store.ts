/** A schedule in Redis, which several beats and operators share. */
import { redisUrlForPeople } from '../../drivers/redis/client.ts';
import { RedisSession, type Scripted } from '../../drivers/redis/session.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import type { EntryRun, ScheduleStore } from '../contract.ts';
import type { Entry, StoredEntry } from '../entry.ts';
import { LeadershipLost } from '../errors.ts';
import type { RedisPlace } from '../place.ts';
import { entryIn, stateIn, textOf } from '../stored-text.ts';
import { VersionWatch } from '../version-watch.ts';
import { SCRIPTS } from './scripts.ts';

type Client = Scripted<typeof SCRIPTS>;

export class RedisScheduleStore implements ScheduleStore {
  readonly info: string;
  readonly isShared = true;
  readonly #session: RedisSession<typeof SCRIPTS>;
  readonly #keys: readonly string[];
  readonly #context: ScheduleContext;
  readonly #watch: VersionWatch;
  /** What a server that has forgotten everything is told again. */
  #ofCode: readonly Entry[] = [];

  /** @param key of the schedule; one server may keep several */
  constructor(place: RedisPlace, key: string, context: ScheduleContext) {
    this.info = `. db -> ${redisUrlForPeople(place.urls[0])}`;
    this.#context = context;
    this.#session = new RedisSession({ ...place, scripts: SCRIPTS });
    const prefix = `${place.settings.transportOptions.global_keyprefix ?? ''}tscelery-schedule:${key}:`;
    this.#keys = ['entries', 'states', 'paused', 'code', 'version', 'token'].map(
      part => prefix + part,
    );
    this.#watch = new VersionWatch(() =>
      this.#session.run('reading the schedule', async client =>
        Number(await client.get(`${prefix}version`)),
      ),
    );
  }

  async start(): Promise<void> {
    await this.#session.run('connecting to Redis', client => client.ping());
  }

  async stop(): Promise<void> {
    this.#session.close();
    await this.#watch.stop();
  }

  async load(onUnreadable: (name: string, error: Error) => void): Promise<readonly StoredEntry[]> {
    let found = await this.#read();
    if (found.version === 0 && this.#ofCode.length > 0) {
      await this.putCode(this.#ofCode);
      found = await this.#read();
    }
    this.#watch.saw(found.version);
    const loaded: StoredEntry[] = [];
    for (const [name, text] of found.entries) {
      const beside = {
        enabled: !found.paused.has(name),
        origin: found.code.has(name) ? ('code' as const) : ('store' as const),
        state: stateIn(found.states.get(name)),
      };
      try {
        loaded.push(entryIn(name, text, beside, this.#context));
      } catch (error) {
        onUnreadable(name, error as Error);
      }
    }
    return loaded;
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    const values = entries.flatMap(entry => [
      entry.name,
      textOf(entry).text,
      entry.enabled ? '1' : '0',
    ]);
    await this.#change('writing the schedule', 'putScheduleOfCode', values);
    this.#ofCode = entries;
  }

  async put(entry: Entry): Promise<void> {
    const { schedule, text } = textOf(entry);
    const marks = [entry.enabled ? '1' : '0', entry.origin === 'code' ? '1' : '0'];
    const values = [entry.name, text, schedule, ...marks, String(this.#context.now())];
    await this.#change('writing an entry', 'putScheduleEntry', values);
  }

  remove(name: string): Promise<boolean> {
    return this.#change('removing an entry', 'removeScheduleEntry', [name]);
  }

  setEnabled(name: string, enabled: boolean): Promise<boolean> {
    const values = [name, enabled ? '1' : '0', String(this.#context.now())];
    return this.#change('changing an entry', 'enableScheduleEntry', values);
  }

  async save(runs: readonly EntryRun[], token: number): Promise<void> {
    const values = runs.flatMap(({ name, state }) => [name, JSON.stringify(state)]);
    const answer = await this.#run('writing what was sent', 'saveScheduleRuns', [token, ...values]);
    if (answer === 1) return;
    throw new LeadershipLost(
      'Another beat has written to the schedule since this one was elected.',
    );
  }

  watch(onChange: () => void): Promise<() => Promise<void>> {
    return this.#watch.start(onChange);
  }

  async #read() {
    const answer = await this.#run('reading the schedule', 'loadSchedule', []);
    const [entries, states, paused, code, version] = answer as [
      ...[string[], string[], string[], string[], string | null],
    ];
    return {
      entries: pairs(entries),
      states: pairs(states),
      paused: new Set(paused),
      code: new Set(code),
      // 0 before the first change
      version: Number(version),
    };
  }

  async #change(
    doing: string,
    script: keyof typeof SCRIPTS,
    values: readonly string[],
  ): Promise<boolean> {
    const version = Number(await this.#run(doing, script, values));
    this.#watch.wrote(version);
    return version > 0;
  }

  #run(
    doing: string,
    script: keyof typeof SCRIPTS,
    values: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#session.run(doing, (client: Client) => client[script](...this.#keys, ...values));
  }
}

/** Any name, `__proto__` too. */
function pairs(fields: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) found.set(fields[at]!, fields[at + 1]!);
  return found;
}
