/** Requests and deliveries made by hand, and ports that note what they are told. */
import type { TaskOptions } from '../../../src/app/options/task-options.ts';
import type { TaskDefinition } from '../../../src/app/tasks/definition.ts';
import type { Logger, LogLevel } from '../../../src/base/logger.ts';
import type { ExecutionPorts } from '../../../src/execute/ports.ts';
import { Celery } from '../../../src/index.ts';
import type { Delivery, RequeueOptions } from '../../../src/messaging/contract.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import type { DecodeError } from '../../../src/wire/errors.ts';
import type { Message } from '../../../src/wire/messages/message.ts';
import {
  buildTaskMessage,
  readTaskHeaders,
  type TaskCall,
} from '../../../src/wire/messages/task-message.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { Request } from '../../../src/worker/request.ts';

/** Lines as `level: message`. */
export function notedLog(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const at = (level: LogLevel) => (message: string) => void lines.push(`${level}: ${message}`);
  const logger: Logger = {
    isEnabledFor: () => true,
    log: (level, message) => at(level)(message),
    debug: at('debug'),
    info: at('info'),
    warning: at('warning'),
    error: at('error'),
    critical: at('critical'),
  };
  return { logger, lines };
}

/** What runs get from outside: a clock that stands still at 0, a log and a result store that note. */
export function notedExecution(more: Partial<ExecutionPorts> = {}) {
  const { logger, lines } = notedLog();
  const clock = new FakeClock(0);
  const stored: ResultMeta[] = [];
  const execution: ExecutionPorts = {
    store: async meta => void stored.push(meta),
    publish: async () => {},
    newId: () => 'new',
    ...{ clock, logger, hostname: 'w@h', storesResults: true, extended: false },
    accept: new Set(['application/json']),
    ...more,
  };
  return { execution, clock, lines, stored, statuses: () => stored.map(({ status }) => status) };
}

export interface Made {
  readonly message?: Message;
  readonly queue?: string;
  readonly redelivered?: boolean;
  readonly problem?: DecodeError;
  readonly park?: (seconds: number) => Promise<void>;
  /** What the broker says to the settlement. */
  readonly answer?: Promise<void>;
  /** Settled from the start. */
  readonly settled?: boolean;
}

/** Notes how it is settled: `ack`, `drop`, `requeue`, `requeue, counted` or `requeue, first`. */
export class MadeDelivery implements Delivery {
  readonly tag = '1';
  readonly exchange = '';
  readonly queue: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly message: Message;
  readonly problem: DecodeError | undefined;
  readonly park: ((seconds: number) => Promise<void>) | undefined;
  readonly notes: string[] = [];
  settled: boolean;
  lost = false;
  unheard = false;
  readonly #answer: Promise<void>;

  constructor(made: Made = {}) {
    this.message = made.message ?? messageFor();
    this.queue = made.queue ?? 'celery';
    this.routingKey = this.queue;
    this.redelivered = made.redelivered ?? false;
    this.problem = made.problem;
    this.park = made.park;
    this.settled = made.settled ?? false;
    this.#answer = made.answer ?? Promise.resolve();
  }

  ack(): Promise<void> {
    return this.#settle('ack');
  }

  reject(requeue: boolean, { counted, first }: RequeueOptions = {}): Promise<void> {
    const how = counted ? ', counted' : first ? ', first' : '';
    return this.#settle(requeue ? `requeue${how}` : 'drop');
  }

  #settle(how: string): Promise<void> {
    this.settled = true;
    this.notes.push(how);
    return this.#answer;
  }
}

/** Default: a call of `t.add` with the id `1`. */
export function messageFor(call: Partial<TaskCall> = {}): Message {
  return buildTaskMessage({ task: 't.add', id: '1', args: [], kwargs: {}, ...call });
}

export function definitionOf(name: string, options: TaskOptions = {}): TaskDefinition {
  return new Celery('proj').task(name, { ...options, bind: false }, () => 'done').definition;
}

export function requestFor(
  call: Partial<TaskCall> = {},
  options: TaskOptions = {},
  made: Made = {},
): { request: Request; delivery: MadeDelivery } {
  const message = messageFor(call);
  const delivery = new MadeDelivery({ message, ...made });
  const headers = readTaskHeaders(message);
  return { delivery, request: new Request(delivery, headers, definitionOf(headers.task, options)) };
}

/** What follows from promises that are settled has happened then. */
export const turn = () => new Promise<void>(resolve => setImmediate(resolve));
