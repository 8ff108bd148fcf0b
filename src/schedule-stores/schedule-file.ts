/**
 * The two files of a schedule: a snapshot, which is written anew and takes the place of the old one at
 * once, and a journal beside it of what was sent since then. So each run costs some bytes at the end of
 * a file, and a process that is killed forgets none.
 */
import { constants } from 'node:fs';
import {
  access,
  type FileHandle,
  open,
  readFile,
  rename,
  rm,
  stat,
  truncate,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImproperlyConfigured } from '../base/errors.ts';
import { isMap } from '../base/kind-of.ts';
import type { EntryRun } from './contract.ts';
import { type EntryState, isMoment } from './entry.ts';

/** Of the format: one that is larger was written by a later version. */
export const FILE_VERSION = 1;

type KeptState = readonly [lastRunAt: number, totalRunCount: number, resumedAt?: number];

export interface Snapshot {
  readonly __version__: number;
  readonly tz: string;
  readonly utc_enabled: boolean;
  /** By name: when it ran last, and how often. */
  readonly entries: Readonly<Record<string, KeptState>>;
  /** Names of entries that were not enabled. */
  readonly paused?: readonly string[];
  /** Definitions of entries that the code does not have. */
  readonly stored?: Readonly<Record<string, unknown>>;
}

export class ScheduleFile {
  readonly path: string;
  readonly #journalPath: string;
  #journal: FileHandle | undefined;
  #journalBytes = 0;

  constructor(path: string) {
    this.path = path;
    this.#journalPath = `${path}.journal`;
  }

  /** Bytes in the journal since the snapshot. */
  get journalBytes(): number {
    return this.#journalBytes;
  }

  /** @throws ImproperlyConfigured when it could not be written */
  async check(): Promise<void> {
    try {
      await access(dirname(this.path), constants.W_OK | constants.X_OK);
      for (const path of [this.path, this.#journalPath]) {
        await access(path, constants.R_OK | constants.W_OK).catch(unlessMissing);
        // a pipe would be waited on for ever
        const found = await stat(path).catch(unlessMissing);
        if (found && !found.isFile()) throw new Error(`${path} is no regular file`);
      }
    } catch (error) {
      throw new ImproperlyConfigured(
        `The schedule file ${JSON.stringify(this.path)} cannot be written: ${(error as Error).message}. Give another one with --schedule or beat_schedule_filename.`,
        { cause: error },
      );
    }
  }

  /**
   * Undefined when there is none.
   *
   * @throws Error for what cannot be read as one
   */
  async read(): Promise<Snapshot | undefined> {
    const text = await readFile(this.path, 'utf8').catch(unlessMissing);
    if (text === undefined || text === '') return undefined;
    const value: unknown = JSON.parse(text);
    if (!isMap(value) || !isMap(value.entries)) throw new Error('it is no schedule of beat');
    return value as unknown as Snapshot;
  }

  /** What the journal tells; a line that was cut off by a crash is left out, and so is what follows it. */
  async readJournal(): Promise<EntryRun[]> {
    const text = await readFile(this.#journalPath, 'utf8').catch(unlessMissing);
    const runs: EntryRun[] = [];
    for (const line of text?.split('\n') ?? []) {
      const run = line === '' ? undefined : runIn(line);
      if (run) runs.push(run);
    }
    return runs;
  }

  /** At its end; the bytes are with the system when it resolves. */
  async append(runs: readonly EntryRun[]): Promise<void> {
    const lines = runs.map(({ name, state }) => {
      return `${JSON.stringify([name, ...keptState(state)])}\n`;
    });
    const text = lines.join('');
    this.#journal ??= await open(this.#journalPath, 'a', 0o644);
    // after a line that a crash has cut off
    const whole = this.#journalBytes === 0 ? `\n${text}` : text;
    await this.#journal.appendFile(whole);
    this.#journalBytes += Buffer.byteLength(whole);
  }

  /** In the place of the one before; the journal begins anew. */
  async write(snapshot: Snapshot): Promise<void> {
    const draft = `${this.path}.${process.pid}.tmp`;
    try {
      const file = await open(draft, 'w', 0o644);
      try {
        await file.writeFile(`${JSON.stringify(snapshot)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await truncate(this.#journalPath).catch(unlessMissing);
    this.#journalBytes = 0;
  }

  /** What it holds stays under another name. @returns that */
  async moveAside(): Promise<string> {
    const aside = `${this.path}.corrupt`;
    await rename(this.path, aside);
    return aside;
  }

  async close(): Promise<void> {
    await this.#journal?.close();
    this.#journal = undefined;
  }
}

function runIn(line: string): EntryRun | undefined {
  try {
    const [name, ...kept] = JSON.parse(line) as unknown[];
    const state = stateOf(kept);
    return typeof name === 'string' && state ? { name, state } : undefined;
  } catch {
    return undefined;
  }
}

export function keptState({ lastRunAt, totalRunCount, resumedAt }: EntryState): KeptState {
  return resumedAt === undefined
    ? [lastRunAt, totalRunCount]
    : [lastRunAt, totalRunCount, resumedAt];
}

/** Undefined for what is none. */
export function stateOf(value: unknown): EntryState | undefined {
  if (!Array.isArray(value)) return undefined;
  const [lastRunAt, totalRunCount, resumedAt] = value as unknown[];
  if (!isMoment(lastRunAt) || !Number.isSafeInteger(totalRunCount)) return undefined;
  return {
    ...{ lastRunAt, totalRunCount: totalRunCount as number },
    ...(isMoment(resumedAt) && { resumedAt }),
  };
}

/** What Python's modules for `shelve` begin their files with. */
const PYTHON_FILES: readonly { readonly at: number; readonly bytes: readonly number[] }[] = [
  // gdbm, in either byte order and with large files
  ...[0xcd, 0xce, 0xcf].flatMap(last => [
    { at: 0, bytes: [0x13, 0x57, 0x9a, last] },
    { at: 0, bytes: [last, 0x9a, 0x57, 0x13] },
  ]),
  // Berkeley DB: hash, and as ndbm
  { at: 12, bytes: [0x61, 0x15, 0x06, 0x00] },
  { at: 12, bytes: [0x00, 0x06, 0x15, 0x61] },
  { at: 0, bytes: [0x61, 0x15, 0x06, 0x00] },
  { at: 0, bytes: [0x00, 0x06, 0x15, 0x61] },
  // dbm.sqlite3
  { at: 0, bytes: [...Buffer.from('SQLite format 3\0')] },
];
const HEAD = 16;

/** Whether the file is one that Python's beat keeps, which nobody here can read. */
export async function isPythonsFile(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(unlessMissing);
  if (!file) return false;
  try {
    const { buffer } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return PYTHON_FILES.some(({ at, bytes }) => bytes.every((byte, i) => buffer[at + i] === byte));
  } finally {
    await file.close();
  }
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
