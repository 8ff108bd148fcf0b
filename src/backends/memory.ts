import { ConnectionClosed } from '../drivers/errors.ts';
import { decodeMeta, encodeMeta, type ResultMeta } from '../wire/results/result-meta.ts';
import { SUCCESS } from '../wire/results/states.ts';
import { jsonDecode, jsonEncode } from '../wire/serializers/json.ts';
import { CHORD_LEASE } from './chord-parts.ts';
import type { BackendOptions, MetaListener, ProblemListener, ResultBackend } from './contract.ts';
import { alive, type Expiring, purge, put } from './expiring.ts';
import { Listeners } from './listeners.ts';
import { type MemoryChord, MemoryChords } from './memory-chords.ts';

interface Entry extends Expiring {
  /** Text, as elsewhere: what was stored cannot change afterwards. */
  readonly text: string;
  readonly status: string;
}

interface SharedMemory {
  /** Oldest first, so that what has expired stands at the front. */
  readonly tasks: Map<string, Entry>;
  readonly groups: Map<string, Entry>;
  readonly chords: Map<string, MemoryChord>;
  readonly open: Set<Listeners>;
}

const memories = new Map<string, SharedMemory>();

function memoryAt(url: string): SharedMemory {
  let memory = memories.get(url);
  if (!memory) {
    memory = { tasks: new Map(), groups: new Map(), chords: new Map(), open: new Set() };
    memories.set(url, memory);
  }
  return memory;
}

/** Forget the results of this URL; backends that have them keep them. */
export function forgetMemory(url: string): void {
  memories.delete(url);
}

/** Results kept in this process; backends with the same URL share them. */
export class MemoryBackend implements ResultBackend {
  readonly name = 'memory';
  readonly url: string;
  readonly chords: MemoryChords;
  readonly #memory: SharedMemory;
  readonly #listeners = new Listeners();
  readonly #lifetimeMs: number;

  constructor(url: string, options: BackendOptions) {
    this.url = url;
    this.#memory = memoryAt(url);
    this.#lifetimeMs = options.expires ? options.expires * 1000 : Number.POSITIVE_INFINITY;
    this.chords = new MemoryChords(this.#memory.chords, {
      deadline: () => this.#deadline(),
      leaseMs: (options.chordLease ?? CHORD_LEASE) * 1000,
    });
  }

  get subscriptions(): number {
    return this.#listeners.size;
  }

  async start(): Promise<void> {
    this.#memory.open.add(this.#listeners);
  }

  async stop(): Promise<void> {
    this.#memory.open.delete(this.#listeners);
    this.#listeners.close(new ConnectionClosed('The result backend was closed.'));
  }

  async store(meta: ResultMeta): Promise<void> {
    const { tasks, open } = this.#memory;
    const text = encodeMeta(meta);
    if (alive(tasks.get(meta.task_id))?.status === SUCCESS) return;
    put(tasks, meta.task_id, { text, status: meta.status, deadline: this.#deadline() });
    for (const listeners of open) {
      if (listeners.has(meta.task_id)) listeners.notify(decodeMeta(text));
    }
  }

  async fetch(taskId: string): Promise<ResultMeta | undefined> {
    const entry = alive(this.#memory.tasks.get(taskId));
    return entry && decodeMeta(entry.text);
  }

  async forget(taskId: string): Promise<void> {
    this.#memory.tasks.delete(taskId);
  }

  async subscribe(
    taskId: string,
    listener: MetaListener,
    onProblem?: ProblemListener,
  ): Promise<() => Promise<void>> {
    await this.start();
    const remove = this.#listeners.add(taskId, listener, onProblem);
    return async () => void remove();
  }

  async storeGroup(groupId: string, tuple: unknown): Promise<void> {
    const text = jsonEncode(tuple);
    put(this.#memory.groups, groupId, { text, status: '', deadline: this.#deadline() });
  }

  async fetchGroup(groupId: string): Promise<unknown | undefined> {
    const entry = alive(this.#memory.groups.get(groupId));
    return entry && jsonDecode(entry.text);
  }

  async forgetGroup(groupId: string): Promise<void> {
    this.#memory.groups.delete(groupId);
  }

  async cleanup(): Promise<number> {
    const { tasks, groups, chords } = this.#memory;
    purge(chords, chords.size);
    return purge(tasks, tasks.size) + purge(groups, groups.size);
  }

  #deadline(): number {
    return Date.now() + this.#lifetimeMs;
  }
}
