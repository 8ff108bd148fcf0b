import { arm } from '../../backends/bounded.ts';
import type { Closing } from '../../base/closing.ts';
import { type RetryPolicy, sleep, withRetries } from '../../base/time/backoff.ts';
import type { EventDispatcher } from '../../events/dispatcher.ts';
import type { Transport } from '../../messaging/contract.ts';
import type { Tracing } from '../../tracing/contract.ts';
import type { Message } from '../../wire/messages/message.ts';
import { taskSent } from '../../wire/messages/task-events.ts';
import {
  buildTaskMessage,
  readTaskHeaders,
  type TaskCall,
} from '../../wire/messages/task-message.ts';
import { priorityNumber } from '../options/priority-names.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { Route } from '../routing/router.ts';
import type { PublishEvent, Signals } from '../signals/signals.ts';
import { checkSize } from './message-size.ts';
import { NativeDelays, type NativeDelaysHost } from './native-delays.ts';
import type { UnrankedCall } from './task-calls.ts';

export interface SenderHost extends NativeDelaysHost {
  readonly signals: Signals;
  transport(): Promise<Transport>;
  events(): EventDispatcher;
  /** Be ready for the result of a task; undefined when nothing has to be waited for. */
  expectReply(): Promise<unknown> | undefined;
}

type SendOptions = Pick<ApplyOptions, 'retry' | 'retryPolicy' | 'mandatory' | 'signal'>;

interface Outgoing {
  readonly message: Message;
  readonly route: Route;
  readonly options: SendOptions;
  readonly eta: TaskCall['eta'];
  readonly isAnswered: boolean;
  readonly closing: Closing;
}

export class Sender {
  readonly #host: SenderHost;
  readonly #replyTo: string;
  readonly #delays: NativeDelays;
  /** Undefined while `task_tracing` is off. */
  tracing: Tracing | undefined;
  /** Bytes of a body; null is no limit. */
  mostBytes: number | null = null;

  constructor(host: SenderHost, replyTo: string) {
    this.#host = host;
    this.#replyTo = replyTo;
    this.#delays = new NativeDelays(host);
  }

  /**
   * @param route also says how: `retry`, `retryPolicy`, `mandatory`, `signal`
   * @param closing of the moment of the call
   */
  send(call: UnrankedCall, route: Route, closing: Closing): Promise<void> {
    const isNamed = typeof call.priority === 'string';
    if (!isNamed) return this.#sendRanked(call as TaskCall, route, closing);
    return this.#ranked(call, route).then(ranked => this.#sendRanked(ranked, route, closing));
  }

  #sendRanked(call: TaskCall, route: Route, closing: Closing): Promise<void> {
    const { queue, exchange, routingKey, options } = route;
    const message = buildTaskMessage(call);
    if (this.mostBytes !== null) checkSize(message, call, this.mostBytes);
    const isAnswered = call.replyTo === this.#replyTo && !call.ignoreResult;
    const event: PublishEvent = {
      task: call.task,
      id: call.id,
      headers: message.headers,
      properties: message.properties,
      exchange: exchange.name,
      routingKey,
      queue: queue?.name,
      message,
    };
    const outgoing = { message, route, options, eta: call.eta, isAnswered, closing };
    if (this.tracing === undefined) return this.#sendOut(event, outgoing);
    const { task, id } = call;
    const { headers } = message;
    return this.tracing.publish(
      { task, id, headers, exchange: exchange.name, exchangeType: exchange.type, routingKey },
      () => this.#sendOut(event, outgoing),
    );
  }

  async #sendOut(event: PublishEvent, outgoing: Outgoing): Promise<void> {
    const { signals, conf } = this.#host;
    await signals.beforeTaskPublish.send(event.task, event);
    await this.#deliver(outgoing);
    if (conf.get('task_send_sent_event')) this.#tellSent(event);
    await signals.afterTaskPublish.send(event.task, event);
  }

  /** Whatever goes wrong with an event, the task was sent. */
  #tellSent({ message, exchange, routingKey, queue }: PublishEvent): void {
    try {
      const events = this.#host.events();
      const headers = readTaskHeaders(message);
      events.send('task-sent', taskSent(headers, { queue: queue ?? null, exchange, routingKey }));
    } catch (error) {
      this.#host.warn(`No event tells of a task that was sent: ${(error as Error).message}`);
    }
  }

  /** The call with the number of its priority's name at this broker and queue. */
  async #ranked(call: UnrankedCall, { queue }: Route): Promise<TaskCall> {
    const { priority } = call;
    if (typeof priority !== 'string') return call as TaskCall;
    const { servesLargestPriorityFirst = false } = await this.#host.transport();
    return { ...call, priority: priorityNumber(priority, servesLargestPriorityFirst, queue) };
  }

  async #deliver(outgoing: Outgoing): Promise<void> {
    try {
      await this.#attempt(outgoing);
    } catch (error) {
      await this.#tryAgain(error, outgoing);
    }
  }

  async #attempt({ message, route, options, eta, isAnswered, closing }: Outgoing): Promise<void> {
    // it would open the app again
    closing.throwIfClosed();
    const { mandatory = false, signal } = options;
    signal?.throwIfAborted();
    const transport = await this.#host.transport();
    const { queue, exchange, routingKey } = route;
    if (queue) await transport.declare(queue);
    closing.throwIfClosed();
    // the queue has to be there before the first result is sent to it
    const listening = isAnswered ? this.#host.expectReply() : undefined;
    if (listening) await listening;
    const delay = eta == null ? undefined : await this.#delays.delay(transport, route, eta);
    signal?.throwIfAborted();
    const atOnce = mandatory ? { mandatory } : undefined;
    const how = delay === undefined ? atOnce : { mandatory, delay };
    await transport.publish(message, { exchange, routingKey }, how);
  }

  /** @param error what the first attempt failed with; thrown when there are no others */
  async #tryAgain(error: unknown, outgoing: Outgoing): Promise<void> {
    const { conf } = this.#host;
    const { options, closing } = outgoing;
    if (!(options.retry ?? conf.get('task_publish_retry'))) throw error;
    let attempts = 0;
    const next = async () => {
      attempts += 1;
      if (attempts === 1) throw error;
      await this.#attempt(outgoing);
    };
    await withRetries(next, this.#retryPolicy(options.retryPolicy), {
      isRetryable: failure => (failure as { recoverable?: boolean }).recoverable === true,
      pause: seconds => pauseUnless(seconds, options.signal, closing),
    });
  }

  #retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
    const policy = this.#host.conf.get('task_publish_retry_policy') as Record<
      string,
      number | null
    >;
    return {
      maxRetries: policy.max_retries === undefined ? 3 : policy.max_retries,
      intervalStart: policy.interval_start ?? 0,
      intervalStep: policy.interval_step ?? 0.2,
      intervalMax: policy.interval_max ?? 1,
      ...given,
    };
  }
}

/** Rejects at once when the app is closed or the caller gives up. */
async function pauseUnless(
  seconds: number,
  signal: AbortSignal | undefined,
  closing: Closing,
): Promise<void> {
  const givenUp = new AbortController();
  const disarm = arm({ signal, closing }, reason => givenUp.abort(reason));
  try {
    signal?.throwIfAborted();
    closing.throwIfClosed();
    await sleep(seconds, undefined, givenUp.signal);
  } finally {
    disarm();
  }
}
