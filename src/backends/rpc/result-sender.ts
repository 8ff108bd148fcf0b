/** Sends results to reply queues, in order, and again over lost connections. */

import { type Deferred, deferred } from '../../base/deferred.ts';
import { sleep } from '../../base/time/backoff.ts';
import { ConnectionClosed, OperationalError } from '../../drivers/errors.ts';
import type { Transport } from '../../messaging/contract.ts';
import { DEFAULT_EXCHANGE } from '../../messaging/entities.ts';
import type { Message } from '../../wire/messages/message.ts';
import type { RetrySchedule } from '../retry.ts';
import { TurnBatch } from '../turn-batch.ts';

interface Sending {
  readonly message: Message;
  readonly replyTo: string;
  readonly done: Deferred<void>;
}

const MAX_BATCH = 1000;

export class ResultSender {
  readonly #transport: () => Promise<Transport>;
  readonly #retry: RetrySchedule;
  readonly #batch: TurnBatch<Sending>;
  #stop = new AbortController();

  constructor(transport: () => Promise<Transport>, retry: RetrySchedule) {
    this.#transport = transport;
    this.#retry = retry;
    this.#batch = new TurnBatch<Sending>(items => this.#send(items), MAX_BATCH);
  }

  /** Resolves when the broker has the message. */
  send(message: Message, replyTo: string): Promise<void> {
    const done = deferred();
    this.#batch.add({ message, replyTo, done });
    return done.promise;
  }

  /** What is not sent by then is given up. */
  async stop(): Promise<void> {
    this.#stop.abort(new ConnectionClosed('The result backend was closed.'));
    await this.#batch.idle();
    this.#stop = new AbortController();
  }

  async #send(items: Sending[]): Promise<void> {
    let left = items;
    for (let failures = 1; left.length > 0; failures++) {
      // another try would open the connection anew
      if (this.#stop.signal.aborted) return rejectAll(left, this.#stop.signal.reason);
      const errors = await this.#publish(left);
      const from = errors.findIndex(isPassing);
      settle(from < 0 ? left : left.slice(0, from), errors);
      if (from < 0) return;
      // what came after is sent again too: an older state must not be the last to arrive
      const again = left.slice(from);
      const pause = this.#retry(failures);
      if (pause === undefined) return rejectAll(again, errors[from]);
      try {
        await sleep(pause, undefined, this.#stop.signal);
      } catch (closed) {
        return rejectAll(again, closed);
      }
      left = again;
    }
  }

  /** Resolves with the error of each, undefined for those that the broker has. */
  async #publish(items: readonly Sending[]): Promise<unknown[]> {
    const errors = new Array<unknown>(items.length).fill(undefined);
    try {
      const transport = await this.#transport();
      await publishAll(transport, items, errors);
    } catch (error) {
      errors.fill(error);
    }
    return errors;
  }
}

/** As `Promise.allSettled`, which is slower. */
function publishAll(
  transport: Transport,
  items: readonly Sending[],
  errors: unknown[],
): Promise<void> {
  return new Promise(resolve => {
    let left = items.length;
    const countDown = () => {
      left -= 1;
      if (left === 0) resolve();
    };
    items.forEach(({ message, replyTo }, i) => {
      const destination = { exchange: DEFAULT_EXCHANGE, routingKey: replyTo };
      transport.publish(message, destination).then(countDown, error => {
        errors[i] = error;
        countDown();
      });
    });
  });
}

/** The connection's fault, which heals. */
function isPassing(error: unknown): boolean {
  return error instanceof OperationalError;
}

function settle(items: readonly Sending[], errors: readonly unknown[]): void {
  items.forEach(({ done }, i) => {
    if (errors[i] === undefined) done.resolve();
    else done.reject(errors[i]);
  });
}

function rejectAll(items: readonly Sending[], reason: unknown): void {
  for (const { done } of items) done.reject(reason);
}
