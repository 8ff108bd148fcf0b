import { OperationalError } from '../../drivers/errors.ts';
import { EncodeError } from '../../wire/errors.ts';
import type { AmqpChannel } from './driver.ts';
import { operationError } from './errors.ts';
import type { Link } from './link.ts';
import type { Urls } from './options.ts';

/** For one declaration, purge or the like. */
const ANSWER_SECONDS = 30;

export type Answer<T> = (error: Error | null, value: T) => void;

/**
 * Asks the broker things on a channel of its own, one after the other: a refusal closes the
 * channel, and must not take anything else with it.
 */
export class Admin {
  readonly #link: Link;
  readonly #urls: Urls;
  #channel: AmqpChannel | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(link: Link, urls: Urls) {
    this.#link = link;
    this.#urls = urls;
  }

  /**
   * @throws ChannelError when the broker refuses, EncodeError when AMQP cannot carry the question,
   * OperationalError when it cannot be asked
   */
  run<T>(doing: string, ask: (channel: AmqpChannel, answer: Answer<T>) => void): Promise<T> {
    const result = this.#last.then(async () => {
      try {
        return await this.#ask(await this.#open(), ask);
      } catch (error) {
        if (error instanceof EncodeError) throw new EncodeError(`Error ${doing}: ${error.message}`);
        throw operationError(error, doing, this.#urls);
      }
    });
    this.#last = result.catch(() => {});
    return result;
  }

  async #open(): Promise<AmqpChannel> {
    if (this.#channel) return this.#channel;
    const connection = await this.#link.connect();
    const channel = await new Promise<AmqpChannel>((resolve, reject) => {
      connection.createChannel((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    channel.on('error', () => {}); // whoever asked is told
    channel.once('close', () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    this.#channel = channel;
    return channel;
  }

  #ask<T>(
    channel: AmqpChannel,
    ask: (channel: AmqpChannel, answer: Answer<T>) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (this.#channel === channel) this.#channel = undefined;
        reject(new OperationalError(`The broker did not answer within ${ANSWER_SECONDS} s.`));
      }, ANSWER_SECONDS * 1000);
      const answer: Answer<T> = (error, value) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(value);
      };
      try {
        ask(channel, answer);
      } catch (error) {
        // nothing was sent, and amqplib waits for the answer to it
        this.#channel = undefined;
        channel.close(() => {});
        const { message } = error as Error;
        answer(new EncodeError(`AMQP cannot carry it: ${message}.`), undefined as T);
      }
    });
  }
}
