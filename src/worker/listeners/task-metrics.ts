/** Counts and times what becomes of requests, by task, for those who scrape the worker's metrics. */
import type { Clock } from '../../base/time/clock.ts';
import type { TaskReply } from '../../execute/outcome.ts';
import { type PoolError, Terminated, TimeLimitExceeded } from '../../pool/errors.ts';
import { type Family, Histogram, type Labels } from '../../process/health/metrics-text.ts';
import type { RequestListener, Revocation } from '../announcer.ts';
import type { Request } from '../request.ts';

/** Names that have numbers of their own; those after them share what is called `(other)`. */
const MOST_NAMES = 500;
const OTHER = '(other)';

/** Seconds. */
const BOUNDS = [
  ...[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 300, 1800],
];

/** How a request ended here. */
export const OUTCOMES = [
  'succeeded',
  'failed',
  'retried',
  'ignored',
  'rejected',
  'timed_out',
  'lost',
  'cancelled',
  'expired',
  'revoked',
  'terminated',
] as const;

type TaskOutcome = (typeof OUTCOMES)[number];

const BY_KIND: Readonly<Record<TaskReply['kind'], TaskOutcome>> = {
  success: 'succeeded',
  failure: 'failed',
  retry: 'retried',
  ignore: 'ignored',
  reject: 'rejected',
};

class TaskNumbers {
  readonly ended: Record<TaskOutcome, number> = {
    ...{ succeeded: 0, failed: 0, retried: 0, ignored: 0, rejected: 0, timed_out: 0 },
    ...{ lost: 0, cancelled: 0, expired: 0, revoked: 0, terminated: 0 },
  };
  received = 0;
  started = 0;
  softTimeouts = 0;
  readonly runs = new Histogram(BOUNDS);
  readonly waits = new Histogram(BOUNDS);
}

export class TaskMetrics implements RequestListener {
  readonly #clock: Clock;
  readonly #tasks = new Map<string, TaskNumbers>();
  readonly #queues = new Map<string, number>();
  #running = 0;
  #unknown = 0;
  #refused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests whose code runs now. */
  get running(): number {
    return this.#running;
  }

  received(request: Request, queue: string): void {
    request.receivedAt = this.#clock.now();
    this.#of(request).received += 1;
    const name = this.#queues.has(queue) || this.#queues.size < MOST_NAMES ? queue : OTHER;
    this.#queues.set(name, (this.#queues.get(name) ?? 0) + 1);
  }

  started(request: Request): void {
    const numbers = this.#of(request);
    numbers.started += 1;
    this.#running += 1;
    const { receivedAt, startedAt } = request;
    if (receivedAt === undefined || startedAt === undefined) return;
    // what waits for its time is not kept waiting
    const due = Math.max(receivedAt, request.headers.eta ?? 0);
    numbers.waits.observe(Math.max(0, startedAt - due));
  }

  answered(request: Request, { kind, runtime }: TaskReply): void {
    const numbers = this.#of(request);
    numbers.ended[BY_KIND[kind]] += 1;
    numbers.runs.observe(runtime);
    this.#endRun(request);
  }

  timedOut(request: Request, soft: boolean): void {
    if (soft) this.#of(request).softTimeouts += 1;
  }

  lost(request: Request, error: PoolError): void {
    const { startedAt } = request;
    const numbers = this.#of(request);
    if (startedAt !== undefined) {
      numbers.runs.observe(Math.max(0, this.#clock.now() - startedAt));
    }
    this.#endRun(request);
    const outcome = lostOutcome(request, error);
    if (outcome) numbers.ended[outcome] += 1;
  }

  revoked(request: Request, { reason }: Revocation): void {
    this.#of(request).ended[reason] += 1;
  }

  unknown(): void {
    this.#unknown += 1;
  }

  refused(): void {
    this.#refused += 1;
  }

  families(): Family[] {
    return [...this.#endings(), ...this.#times(), ...this.#messages()];
  }

  #endings(): Family[] {
    return [
      this.#counter('received', 'Messages of tasks that came.', ({ received }) => received),
      this.#counter('started', 'Runs that began.', ({ started }) => started),
      {
        name: 'tscelery_task_outcomes_total',
        type: 'counter',
        help: 'Requests by how they ended here.',
        samples: [...this.#tasks].flatMap(([task, { ended }]) =>
          OUTCOMES.filter(outcome => ended[outcome] > 0).map(outcome => ({
            labels: { task, outcome },
            value: ended[outcome],
          })),
        ),
      },
      this.#counter(
        'soft_timeouts',
        'Runs that were told of their soft time limit.',
        ({ softTimeouts }) => softTimeouts,
      ),
    ];
  }

  #times(): Family[] {
    const family = (name: string, help: string, of: (numbers: TaskNumbers) => Histogram) => ({
      ...{ name, help, type: 'histogram' as const },
      samples: [...this.#tasks]
        .filter(([, numbers]) => of(numbers).count > 0)
        .map(([task, numbers]) => ({ labels: { task }, value: of(numbers) })),
    });
    return [
      family('tscelery_task_run_seconds', 'How long runs took.', ({ runs }) => runs),
      family(
        'tscelery_task_wait_seconds',
        'From the arrival at the worker, or the ETA, to the start.',
        ({ waits }) => waits,
      ),
    ];
  }

  #messages(): Family[] {
    const refused = (reason: string, value: number) => ({ labels: { reason }, value });
    return [
      {
        name: 'tscelery_queue_received_total',
        type: 'counter',
        help: 'Messages of tasks that came, by queue.',
        samples: [...this.#queues].map(([queue, value]) => ({ labels: { queue }, value })),
      },
      {
        name: 'tscelery_messages_refused_total',
        type: 'counter',
        help: 'Messages that are never run here: for a task that is unknown, or unreadable.',
        samples: [refused('unknown_task', this.#unknown), refused('unreadable', this.#refused)],
      },
    ];
  }

  #counter(what: string, help: string, of: (numbers: TaskNumbers) => number): Family {
    return {
      name: `tscelery_task_${what}_total`,
      type: 'counter',
      help,
      samples: [...this.#tasks]
        .map(([task, numbers]) => ({ labels: { task } as Labels, value: of(numbers) }))
        .filter(({ value }) => value > 0),
    };
  }

  #of({ headers: { task } }: Request): TaskNumbers {
    return this.#tasks.get(task) ?? this.#first(task);
  }

  #first(task: string): TaskNumbers {
    const name = this.#tasks.size < MOST_NAMES ? task : OTHER;
    const numbers = this.#tasks.get(name) ?? new TaskNumbers();
    this.#tasks.set(name, numbers);
    return numbers;
  }

  /** One that was killed while it waited for its place has not begun. */
  #endRun({ startedAt }: Request): void {
    if (startedAt !== undefined) this.#running -= 1;
  }
}

/** Undefined for a kill on request, which is told as a revocation. */
function lostOutcome(request: Request, error: PoolError): TaskOutcome | undefined {
  if (error instanceof TimeLimitExceeded) return 'timed_out';
  if (!(error instanceof Terminated)) return 'lost';
  if (request.terminatedBy) return undefined;
  return request.isCancelled ? 'cancelled' : 'lost';
}
