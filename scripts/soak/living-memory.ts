/** Asks every process and thread of a worker what it holds, while it works; Linux only. */
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PROBE = new URL('memory-probe.js', import.meta.url).href;
const MB = 2 ** 20;
const POLL_MS = 20;
/** Seconds for an answer: a child that runs short tasks back to back is slow to see the question. */
const PATIENCE = 30;
/** What is left after a collection depends on what was under way: the least of so many counts. */
const COUNTS = 5;

export class LivingMemory {
  /** Options for node, and variables, that a worker has to be started with. */
  readonly nodeArgs = ['--import', PROBE];
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #ended = new Set<string>();
  #asked = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.env = { PROBE_FOLDER: folder };
  }

  static async open(): Promise<LivingMemory> {
    const folder = await mkdtemp(join(tmpdir(), 'tscelery-memory-'));
    const probe = new LivingMemory(folder);
    await probe.#write('ask', '');
    return probe;
  }

  /** Megabytes of living objects of the main process and of each child (process or thread), by name. */
  async measure(): Promise<Map<string, number>> {
    const least = new Map<string, number>();
    for (let i = 0; i < COUNTS; i++) {
      for (const [name, bytes] of await this.#ask()) {
        least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, bytes / MB));
      }
    }
    return least;
  }

  /** The processes and threads that can be asked. */
  async members(): Promise<string[]> {
    const names = await this.#files('member.');
    return names.filter(name => isAlive(name) && !this.#ended.has(name));
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ask(): Promise<Map<string, number>> {
    const members = await this.members();
    const number = ++this.#asked;
    await this.#write('ask', String(number));
    const silent = async () => {
      const answered = await this.#files(`${number}.`);
      return members.filter(
        name => !answered.includes(name) && isAlive(name) && !this.#ended.has(name),
      );
    };
    for (let left = PATIENCE * 1000; (await silent()).length > 0; left -= POLL_MS) {
      // a thread that was ended: it is missing in what is returned
      if (left <= 0) for (const name of await silent()) this.#ended.add(name);
      await sleep(POLL_MS);
    }
    const answers = await this.#files(`${number}.`);
    const read = answers.map(async name => {
      const text = await readFile(join(this.#folder, `${number}.${name}`), 'utf8');
      return [name, Number(text)] as const;
    });
    return new Map(await Promise.all(read));
  }

  async #files(prefix: string): Promise<string[]> {
    const names = (await readdir(this.#folder)).filter(name => name.startsWith(prefix));
    return names.map(name => name.slice(prefix.length)).sort();
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, `.${name}`), text);
    await rename(join(this.#folder, `.${name}`), join(this.#folder, name));
  }
}

const pidOf = (name: string) => Number(name.split('-')[1]);

function isAlive(name: string): boolean {
  try {
    process.kill(pidOf(name), 0);
    return true;
  } catch {
    return false;
  }
}

/** Megabytes of resident memory of a process; NaN when it is gone. */
export async function residentMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** The same of a process that `measure` named; NaN for a thread, which shares that of its process. */
export function residentMemoryOf(name: string): Promise<number> | number {
  return name.startsWith('thread') ? Number.NaN : residentMemory(pidOf(name));
}
