/** What an app sent and what became of it, heard from signals and results. */

import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { PublishEvent } from '../app/signals/signals.ts';
import type { TaskRequest } from '../execute/request.ts';
import { acceptedContentTypes } from '../wire/content.ts';
import type { Headers, Message, MessageProperties } from '../wire/messages/message.ts';
import { readTaskBody, readTaskHeaders } from '../wire/messages/task-message.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import * as states from '../wire/results/states.ts';

/** A message that was sent. */
export interface SentTask {
  readonly task: string;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Undefined when exchange and routing key were given instead. */
  readonly queue: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly eta: Date | null;
  readonly expires: Date | null;
  readonly retries: number;
  /** Message headers and properties, as on the wire. */
  readonly headers: Headers;
  readonly properties: MessageProperties;
  readonly message: Message;
}

/** What became of one call of a task, over all its retries. */
export interface TaskRun<R = unknown> {
  readonly task: string;
  readonly id: string;
  /** The newest state. */
  readonly state: string;
  /** All of them in order, beginning with PENDING; those of `updateState` too. */
  readonly states: readonly string[];
  /** What the task returned, or the meta of the newest state. */
  readonly result: R;
  /** What it failed with. */
  readonly error: Error | undefined;
  /** Of the newest try; undefined before the first. */
  readonly request: TaskRequest | undefined;
}

/** Ends a run without a stored state. */
const UNSTORED_ENDS: ReadonlySet<string> = new Set(['IGNORED', 'REJECTED']);

/** Stored states whose signals say the same and come for tasks without results too. */
const HEARD_FROM_SIGNALS: ReadonlySet<string> = new Set([states.STARTED, states.RETRY]);

export function isFinal(state: string): boolean {
  return states.READY_STATES.has(state) || UNSTORED_ENDS.has(state);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Entry {
  readonly run: Mutable<TaskRun> & { states: string[] };
  isActive: boolean;
  /** A final state that was stored while it was active: its handlers come before it counts. */
  stored: ResultMeta | undefined;
}

export class Recorder {
  readonly #app: Celery;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(run: TaskRun) => void>();
  readonly #undo: (() => void)[] = [];
  sent: SentTask[] = [];
  /** Messages between the signals before and after sending: no queue has them yet. */
  sending = 0;

  constructor(app: Celery) {
    this.#app = app;
    const { signals } = app;
    this.#undo.push(
      signals.beforeTaskPublish.connect(event => this.#onSending(event)),
      signals.afterTaskPublish.connect(event => this.#onSent(event)),
      signals.taskPrerun.connect(({ request }) => this.#onStart(request)),
      signals.taskPostrun.connect(({ request, state, retval }) =>
        this.#onEnd(request, state, retval),
      ),
      signals.taskRevoked.connect(({ id }) => this.#onRevoked(id)),
    );
  }

  /** In the order in which they were sent. */
  get runs(): readonly TaskRun[] {
    return [...this.#entries.values()].map(entry => entry.run);
  }

  /** Hear of every new state. @returns the function that ends it */
  onState(listener: (run: TaskRun) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#listeners.clear();
  }

  async #onSending({ id, task }: PublishEvent): Promise<void> {
    this.sending += 1;
    if (this.#entries.has(id)) return;
    this.#add(task, id);
    const backend = await this.#app[INTERNALS].backend();
    if (backend.name !== 'disabled') await backend.subscribe(id, meta => this.#onMeta(id, meta));
  }

  #onSent(event: PublishEvent): void {
    this.sending -= 1;
    this.sent.push(sentTask(event, this.#app.conf.get('accept_content')));
  }

  #onStart(request: TaskRequest): void {
    const entry = this.#entries.get(request.id) ?? this.#add(request.task, request.id);
    entry.isActive = true;
    entry.run.request = request;
    this.#enter(entry, states.STARTED);
  }

  #onEnd(request: TaskRequest, state: string, retval: unknown): void {
    const entry = this.#entries.get(request.id);
    if (!entry) return;
    entry.isActive = false;
    if (state === states.FAILURE) entry.run.error = retval as Error;
    else entry.run.result = retval;
    this.#enter(entry, state);
    // a task may store its own end and then leave without one
    if (entry.stored && UNSTORED_ENDS.has(state)) this.#settle(entry, entry.stored);
    entry.stored = undefined;
  }

  #onRevoked(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) this.#enter(entry, states.REVOKED);
  }

  #onMeta(id: string, meta: ResultMeta): void {
    const entry = this.#entries.get(id);
    if (!entry || HEARD_FROM_SIGNALS.has(meta.status)) return;
    if (!isFinal(meta.status)) {
      entry.run.result = meta.result;
      this.#enter(entry, meta.status);
    } else if (entry.isActive) {
      entry.stored = meta; // its handlers have not been called yet
    } else {
      this.#settle(entry, meta);
    }
  }

  /** A final state that nobody in this process ran to: revoked, lost, not registered. */
  #settle(entry: Entry, { status, result, traceback }: ResultMeta): void {
    const { run } = entry;
    entry.stored = undefined;
    if (run.state === status) return;
    if (states.PROPAGATE_STATES.has(status))
      run.error = this.#app[INTERNALS].errorOf(result, traceback);
    else run.result = result;
    this.#enter(entry, status);
  }

  #add(task: string, id: string): Entry {
    const run = {
      ...{ task, id, state: states.PENDING, states: [states.PENDING] },
      ...{ result: undefined, error: undefined, request: undefined },
    };
    const entry = { run, isActive: false, stored: undefined };
    this.#entries.set(id, entry);
    return entry;
  }

  #enter({ run }: Entry, state: string): void {
    if (run.state === state && isFinal(state)) return;
    run.state = state;
    run.states.push(state);
    for (const listener of this.#listeners) listener(run);
  }
}

function sentTask(event: PublishEvent, accept: readonly string[]): SentTask {
  const { task, id, queue, exchange, routingKey, message } = event;
  const accepted = acceptedContentTypes([...accept, message.contentType]);
  const headers = readTaskHeaders(message, accepted);
  const { args, kwargs } = readTaskBody(message, accepted);
  return {
    ...{ task, id, args, kwargs, queue, exchange, routingKey },
    eta: headers.eta === null ? null : new Date(headers.eta * 1000),
    expires: headers.expires === null ? null : new Date(headers.expires * 1000),
    retries: headers.retries,
    ...{ headers: message.headers, properties: message.properties, message },
  };
}
