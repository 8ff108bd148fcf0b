import type { Event } from '../wire/messages/event.ts';
import { precedence, READY_STATES } from '../wire/results/states.ts';

/** Characters that are kept of arguments and results, and of errors: senders have no limit. */
const MOST_TEXT = 2048;
const MOST_ERROR = 16_384;
/** About what a record costs besides its texts, in bytes. */
const BASE_COST = 450;

type Moment =
  | 'sent'
  | 'received'
  | 'started'
  | 'succeeded'
  | 'failed'
  | 'retried'
  | 'revoked'
  | 'rejected';

const STATE_AFTER: Readonly<Record<Moment, string>> = {
  sent: 'PENDING',
  received: 'RECEIVED',
  started: 'STARTED',
  failed: 'FAILURE',
  retried: 'RETRY',
  succeeded: 'SUCCESS',
  revoked: 'REVOKED',
  rejected: 'REJECTED',
};

const isMoment = (subject: string): subject is Moment => Object.hasOwn(STATE_AFTER, subject);

/**
 * A task as far as events tell of it. Times are seconds since 1970. Fields are read only to
 * others than `EventState`. Celery: `celery.events.state.Task`.
 */
export class EventTask {
  readonly uuid: string;
  name: string | null = null;
  /** `PENDING`, `RECEIVED`, `STARTED`, `SUCCESS`, `FAILURE`, `RETRY`, `REVOKED`, `REJECTED` or one of its own. */
  state = 'PENDING';
  sent: number | null = null;
  received: number | null = null;
  started: number | null = null;
  succeeded: number | null = null;
  failed: number | null = null;
  retried: number | null = null;
  revoked: number | null = null;
  rejected: number | null = null;
  /** When its state began. */
  timestamp: number | null = null;
  /** Logical clock of the newest event. */
  clock = 0;
  args: string | null = null;
  kwargs: string | null = null;
  eta: string | null = null;
  expires: string | null = null;
  retries: number | null = null;
  /** Node name of the worker that has it. */
  worker: string | null = null;
  /** Node name of who sent it. */
  client: string | null = null;
  result: string | null = null;
  exception: string | null = null;
  traceback: string | null = null;
  /** Seconds. */
  runtime: number | null = null;
  exchange: string | null = null;
  routingKey: string | null = null;
  queue: string | null = null;
  rootId: string | null = null;
  parentId: string | null = null;
  /** @internal About how many bytes it takes. */
  cost = BASE_COST;

  constructor(uuid: string) {
    this.uuid = uuid;
  }

  /** Whether nothing more is to be expected of it. */
  get isReady(): boolean {
    return READY_STATES.has(this.state);
  }

  /** @internal What `task-<subject>` says. */
  event(subject: string, event: Event): void {
    const isKnown = isMoment(subject);
    const state = isKnown ? STATE_AFTER[subject] : subject.toUpperCase();
    if (isKnown) this[subject] = event.timestamp;
    // a retry begins anew; otherwise what came late happened before and takes nothing back
    const isRetry = state === 'RETRY' || this.state === 'RETRY';
    const isLate = !isRetry && precedence(state) > precedence(this.state);
    if (!isLate) {
      this.state = state;
      this.timestamp = event.timestamp;
    }
    this.#mergeCall(event);
    if (!isLate || state !== 'RECEIVED') this.#mergeOutcome(event);
    this.cost = BASE_COST + 2 * this.#characters;
  }

  /** What never changes: an event that comes late may still bring it. */
  #mergeCall(event: Event): void {
    this.name = text(event.name, this.name);
    this.args = text(event.args, this.args);
    this.kwargs = text(event.kwargs, this.kwargs);
    this.parentId = text(event.parent_id, this.parentId);
    this.rootId = text(event.root_id, this.rootId);
    this.retries = number(event.retries, this.retries);
    this.eta = text(event.eta, this.eta);
    this.expires = text(event.expires, this.expires);
  }

  #mergeOutcome(event: Event): void {
    this.clock = number(event.clock, this.clock) ?? 0;
    this.result = text(event.result, this.result);
    this.exception = text(event.exception, this.exception, MOST_ERROR);
    this.traceback = text(event.traceback, this.traceback, MOST_ERROR);
    this.runtime = number(event.runtime, this.runtime);
    this.exchange = text(event.exchange, this.exchange);
    this.routingKey = text(event.routing_key, this.routingKey);
    this.queue = text(event.queue, this.queue);
  }

  get #characters(): number {
    const { args, exception, kwargs, result, traceback } = this;
    let sum = 0;
    for (const each of [args, exception, kwargs, result, traceback]) sum += each?.length ?? 0;
    return sum;
  }
}

function text(value: unknown, before: string | null, most = MOST_TEXT): string | null {
  if (typeof value !== 'string') return before;
  return value.length > most ? `${value.slice(0, most - 3)}...` : value;
}

function number(value: unknown, before: number | null): number | null {
  return Number.isFinite(value) ? (value as number) : before;
}
