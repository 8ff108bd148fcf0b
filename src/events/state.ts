import { checkOptions, code, count, type Kinds } from '../base/option-kinds.ts';
import type { ReceivedEvent } from './receiver.ts';
import { EventTask } from './task-record.ts';
import { TaskStore } from './task-store.ts';
import { EventWorker } from './worker-record.ts';

/** As in Celery. */
const MAX_WORKERS = 5000;
const MAX_TASKS = 10_000;
const MAX_BYTES = 64 * 1024 ** 2;
const MOST_ID = 200;

export interface StateOptions {
  /** Workers that are kept, those with the newest events; default 5000. Celery: `max_workers_in_memory` */
  readonly maxWorkers?: number;
  /** Tasks that are kept; default 10 000. Celery: `max_tasks_in_memory` */
  readonly maxTasks?: number;
  /** About how many bytes tasks may take, since senders have no limits; default 64 MiB. */
  readonly maxBytes?: number;
  /** A worker is there that was not, or starts again. */
  readonly onNodeJoin?: (worker: EventWorker) => void;
  /** A worker has said that it goes. */
  readonly onNodeLeave?: (worker: EventWorker) => void;
}

const STATE: Kinds<StateOptions> = {
  maxWorkers: count,
  maxTasks: count,
  maxBytes: count,
  onNodeJoin: code,
  onNodeLeave: code,
};

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkStateOptions(options: StateOptions): void {
  checkOptions(options, STATE, 'a state of events');
}

export interface TaskQuery {
  /** Most tasks that are given. Default: all. */
  readonly limit?: number;
}

/**
 * What events say of workers and tasks so far: hand it every event,
 * `app.events.Receiver({ handlers: { '*': event => state.event(event) } })`. Its memory is bounded:
 * of tasks, those go first whose last event is the longest ago. Celery: `celery.events.state.State`.
 */
export class EventState {
  readonly #options: StateOptions;
  readonly #workers = new Map<string, EventWorker>();
  readonly #tasks: TaskStore;
  /** Events so far. */
  eventCount = 0;
  /** Times that a worker has received a task. */
  taskCount = 0;

  /** @internal */
  constructor(options: StateOptions = {}) {
    this.#options = options;
    const { maxTasks = MAX_TASKS, maxBytes = MAX_BYTES } = options;
    this.#tasks = new TaskStore({ maxTasks, maxBytes });
  }

  /** By node name. Those that went stay, as long as there is room. */
  get workers(): ReadonlyMap<string, EventWorker> {
    return this.#workers;
  }

  /** By id. */
  get tasks(): ReadonlyMap<string, EventTask> {
    return this.#tasks.all;
  }

  /** Tasks that were forgotten as there was no room. */
  get evicted(): number {
    return this.#tasks.evicted;
  }

  /** About how many bytes tasks take. */
  get bytes(): number {
    return this.#tasks.bytes;
  }

  /** Events of other groups than `worker` and `task`, and those of tasks without an id, are only counted. */
  event(event: ReceivedEvent): void {
    this.eventCount += 1;
    const { type } = event;
    if (type.startsWith('worker-')) this.#workerEvent(type.slice(7), event);
    else if (type.startsWith('task-')) this.#taskEvent(type.slice(5), event);
  }

  /** By logical clock and time, the newest first. */
  tasksByTime({ limit, reverse = true }: TaskQuery & { readonly reverse?: boolean } = {}) {
    const sorted = [...this.tasks.values()].sort(byTime);
    return (reverse ? sorted.reverse() : sorted).slice(0, limit);
  }

  /** Tasks of this name, the newest first. */
  tasksByType(name: string, { limit }: TaskQuery = {}): EventTask[] {
    return this.#newest(task => task.name === name, limit);
  }

  /** Tasks of this worker, the newest first. */
  tasksByWorker(hostname: string, { limit }: TaskQuery = {}): EventTask[] {
    return this.#newest(task => task.worker === hostname, limit);
  }

  /** Tasks that this one has called, the newest first. */
  childrenOf(uuid: string): EventTask[] {
    return this.#newest(task => task.parentId === uuid);
  }

  /** @param now seconds since 1970 */
  aliveWorkers(now?: number): EventWorker[] {
    return [...this.#workers.values()].filter(worker => worker.isAlive(now));
  }

  /** Names of tasks, in their order. */
  taskTypes(): string[] {
    const names = new Set([...this.tasks.values()].flatMap(({ name }) => name ?? []));
    return [...names].sort();
  }

  /** Forget a worker that is not there any more; what it does next makes it known again. */
  forgetWorker(hostname: string): void {
    this.#workers.delete(hostname);
  }

  /** Forget workers and tasks that are finished; with `ready` false, all tasks. */
  clear({ ready = true }: { readonly ready?: boolean } = {}): void {
    this.clearTasks({ ready });
    this.#workers.clear();
    this.eventCount = 0;
    this.taskCount = 0;
  }

  /** The same for tasks alone. */
  clearTasks({ ready = true }: { readonly ready?: boolean } = {}): void {
    for (const [uuid, task] of [...this.tasks]) {
      if (!ready || task.isReady) this.#tasks.delete(uuid);
    }
  }

  #newest(isMeant: (task: EventTask) => boolean, limit?: number): EventTask[] {
    return [...this.tasks.values()]
      .filter(isMeant)
      .sort((a, b) => byTime(b, a))
      .slice(0, limit);
  }

  #workerEvent(subject: string, event: ReceivedEvent): void {
    const { onNodeJoin, onNodeLeave } = this.#options;
    const isNew = !this.#workers.has(event.hostname);
    const worker = this.#worker(event.hostname);
    worker.event(subject, event);
    if (subject === 'offline') onNodeLeave?.(worker);
    else if (isNew || subject === 'online') onNodeJoin?.(worker);
  }

  #taskEvent(subject: string, event: ReceivedEvent): void {
    const { hostname, uuid } = event;
    if (typeof uuid !== 'string' || uuid === '' || uuid.length > MOST_ID) return;
    const task = this.tasks.get(uuid) ?? new EventTask(uuid);
    if (subject === 'sent') task.client = hostname;
    else {
      task.worker = hostname;
      this.#worker(hostname).beat(event.local_received);
    }
    if (subject === 'received') this.taskCount += 1;
    task.event(subject, event);
    this.#tasks.touch(task);
  }

  /** The worker, as the one with the newest event, since those with older ones go first. */
  #worker(hostname: string): EventWorker {
    const worker = this.#workers.get(hostname) ?? new EventWorker(hostname);
    this.#workers.delete(hostname);
    this.#workers.set(hostname, worker);
    const { maxWorkers = MAX_WORKERS } = this.#options;
    // not to look for the oldest at each event
    if (this.#workers.size <= maxWorkers) return worker;
    for (const oldest of this.#workers.keys()) {
      if (this.#workers.size <= maxWorkers) break;
      this.#workers.delete(oldest);
    }
    return worker;
  }
}

function byTime(a: EventTask, b: EventTask): number {
  return a.clock - b.clock || (a.timestamp ?? 0) - (b.timestamp ?? 0);
}
