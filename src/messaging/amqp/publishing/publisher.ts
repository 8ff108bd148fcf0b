import { outside } from '../../../base/outside.ts';
import { sleep } from '../../../base/time/backoff.ts';
import { ChannelError, OperationalError, Unroutable } from '../../../drivers/errors.ts';
import type { Message } from '../../../wire/messages/message.ts';
import type { Destination, PublishOptions } from '../../contract.ts';
import type { Exchange } from '../../entities.ts';
import type { Declarations } from '../declarations.ts';
import type { AmqpConfirmChannel } from '../driver.ts';
import { ACCESS_REFUSED, isRefusal, NOT_FOUND, operationError, replyCode } from '../errors.ts';
import type { Link } from '../link.ts';
import type { Urls } from '../options.ts';
import { Lane, type LaneHooks, nameOf, type Sent } from './lane.ts';
import { firstRefused, isSuspect } from './suspects.ts';

/**
 * Seconds for which a blocked connection is waited for, when nothing else was asked for: it may
 * stay blocked for ever.
 */
const BLOCKED_SECONDS = 60;
const TICK_MS = 500;
/** A connection has some 2000 channels, and its other users want some too. */
const MAX_LANES = 64;

/**
 * Publishes with publisher confirms: a message is taken when the broker has confirmed it.
 *
 * A broker that refuses a message closes the channel that it came over. So what may be refused
 * for what it is goes over a channel of its own, one by one; each exchange has a channel too,
 * since exchanges can be missing or forbidden. What is refused nevertheless is sought out (see
 * `suspects.ts`): the broker works on a channel's messages in order, so it has those before
 * the culprit in their queues, and ignored those after it, which are sent again.
 */
export class Publisher {
  readonly #link: Link;
  readonly #declarations: Declarations;
  readonly #urls: Urls;
  readonly #confirmTimeout: number | undefined;
  readonly #lanes = new Map<string, Lane>();
  readonly #opening = new Map<string, Promise<void>>();
  #single: Lane | undefined;
  #lastSuspect: Promise<void> = Promise.resolve();
  readonly #inquiries = new Set<Promise<void>>();
  #clock: NodeJS.Timeout | undefined;
  readonly #hooks: LaneHooks = {
    confirmed: (sent, error) => this.#confirmed(sent, error),
    closed: (lane, why, sent) => this.#closed(lane, why, sent),
    lostError: () => this.#lostError(),
  };

  /** @param confirmTimeout seconds after which a message that is not confirmed is given up */
  constructor(link: Link, declarations: Declarations, urls: Urls, confirmTimeout?: number) {
    this.#link = link;
    this.#declarations = declarations;
    this.#urls = urls;
    this.#confirmTimeout = confirmTimeout;
  }

  /** See `Transport.publish`. @throws EncodeError for what AMQP cannot carry */
  publish(
    message: Message,
    destination: Destination,
    { mandatory = false }: PublishOptions = {},
  ): Promise<void> {
    const lane = this.#lanes.get(destination.exchange.name);
    if (!lane || this.#link.isBlocked || isSuspect(message)) {
      return this.#prepare(message, destination, mandatory);
    }
    return this.#send(lane, message, destination, this.#ifUnroutable(destination, mandatory));
  }

  /** Milliseconds for which the oldest message has not been confirmed. */
  get unanswered(): number {
    let longest = 0;
    for (const lane of this.#allLanes) longest = Math.max(longest, lane.unanswered);
    return longest;
  }

  async drained(): Promise<void> {
    await Promise.all([this.#lastSuspect, ...this.#inquiries]);
    await Promise.all(this.#allLanes.map(lane => lane.drained()));
  }

  get #allLanes(): Lane[] {
    return this.#single ? [...this.#lanes.values(), this.#single] : [...this.#lanes.values()];
  }

  async #prepare(message: Message, destination: Destination, mandatory: boolean): Promise<void> {
    if (this.#link.isBlocked) await this.#unblocked();
    if (isSuspect(message)) return this.#sendAlone(message, destination, mandatory);
    await this.#open(destination.exchange);
    // the channel may have gone meanwhile
    return this.publish(message, destination, { mandatory });
  }

  /** Nothing is written before that: it would lie in some buffer, and be sent after all. */
  async #unblocked(): Promise<void> {
    const seconds = this.#confirmTimeout ?? BLOCKED_SECONDS;
    const timer = new AbortController();
    await Promise.race([
      this.#link.unblocked(),
      sleep(seconds, undefined, timer.signal).catch(() => {}),
    ]);
    timer.abort();
    if (this.#link.isBlocked) throw this.#blockedError(seconds, 'it was not sent');
  }

  #blockedError(seconds: number, what: string): OperationalError {
    return new OperationalError(
      `The broker has blocked the connection (${this.#link.blockedBecause}) and did not take the message within ${seconds} s; ${what}.`,
    );
  }

  #ifUnroutable({ exchange, routingKey }: Destination, mandatory: boolean): Sent['unroutable'] {
    if (mandatory) return 'reject';
    // somebody may have deleted a queue that we declared; its messages would just vanish
    const isOurs = exchange.name === '' && this.#declarations.hasQueue(routingKey);
    return isOurs ? 'declare' : 'ignore';
  }

  #send(
    lane: Lane,
    message: Message,
    destination: Destination,
    unroutable: Sent['unroutable'],
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const at = performance.now();
      lane.send({ message, destination, unroutable, at, isReturned: false, resolve, reject });
    });
  }

  #sendAlone(message: Message, destination: Destination, mandatory: boolean): Promise<void> {
    const send = async () => {
      await this.#provide(destination.exchange);
      this.#single ??= await this.#openLane();
      const unroutable = this.#ifUnroutable(destination, mandatory);
      await this.#send(this.#single, message, destination, unroutable);
    };
    const sent = this.#lastSuspect.then(send);
    this.#lastSuspect = sent.catch(() => {});
    return sent;
  }

  #confirmed(sent: Sent, error: Error | null): void {
    const { exchange, routingKey } = sent.destination;
    if (error) sent.reject(new OperationalError('The broker did not take the message.'));
    else if (!sent.isReturned) sent.resolve();
    else if (sent.unroutable === 'declare') this.#publishAgain(sent);
    else {
      sent.reject(
        new Unroutable(
          `No queue gets the message: exchange ${JSON.stringify(exchange.name)}, routing key ${JSON.stringify(routingKey)}.`,
        ),
      );
    }
  }

  /** Its queue was deleted since we declared it. */
  #publishAgain({ message, destination, resolve, reject }: Sent): void {
    const again = async () => {
      await this.#declarations.declareAgain(destination.routingKey);
      await this.publish(message, destination, { mandatory: true });
    };
    again().then(resolve, reject);
  }

  #open(exchange: Exchange): Promise<void> {
    const { name } = exchange;
    let opening = this.#opening.get(name);
    if (opening === undefined) {
      opening = this.#openTo(exchange).finally(() => this.#opening.delete(name));
      this.#opening.set(name, opening);
    }
    return opening;
  }

  async #openTo(exchange: Exchange): Promise<void> {
    if (this.#lanes.has(exchange.name)) return;
    await this.#provide(exchange);
    this.#lanes.set(exchange.name, await this.#openLane());
    if (this.#lanes.size <= MAX_LANES) return;
    const spare = [...this.#lanes].find(([name, { isIdle }]) => isIdle && name !== '');
    spare?.[1].close();
    if (spare) this.#lanes.delete(spare[0]);
  }

  async #provide(exchange: Exchange): Promise<void> {
    await this.#link.connect();
    if (exchange.name !== '') await this.#declarations.provide(exchange);
  }

  async #openLane(): Promise<Lane> {
    const connection = await this.#link.connect();
    try {
      const channel = await new Promise<AmqpConfirmChannel>((resolve, reject) => {
        connection.createConfirmChannel((error, opened) =>
          error ? reject(error) : resolve(opened),
        );
      });
      this.#clock ??= outside(() => setInterval(() => this.#tick(), TICK_MS).unref());
      return new Lane(channel, this.#hooks);
    } catch (error) {
      throw operationError(error, 'publishing', this.#urls);
    }
  }

  /** Without a limit of its own a message is left to the watchdog, which does not watch a blocked connection. */
  #tick(): void {
    const lanes = this.#allLanes;
    if (lanes.length === 0) {
      clearInterval(this.#clock);
      this.#clock = undefined;
      return;
    }
    const { isBlocked } = this.#link;
    const seconds = this.#confirmTimeout ?? (isBlocked ? BLOCKED_SECONDS : undefined);
    if (seconds === undefined) return;
    const toError = () =>
      isBlocked
        ? this.#blockedError(seconds, 'whether it will is unknown')
        : new OperationalError(`The broker did not confirm the message within ${seconds} s.`);
    for (const lane of lanes) lane.expire(seconds * 1000, toError);
  }

  #closed(lane: Lane, why: Error | undefined, sent: readonly Sent[]): void {
    if (this.#single === lane) this.#single = undefined;
    for (const [name, other] of this.#lanes) if (other === lane) this.#lanes.delete(name);
    if (sent.length === 0) return;
    const inquiry = this.#sortOut(why, sent)
      .catch(() => this.#rejectAll(sent, this.#lostError(why)))
      .finally(() => this.#inquiries.delete(inquiry));
    this.#inquiries.add(inquiry);
  }

  async #sortOut(why: Error | undefined, sent: readonly Sent[]): Promise<void> {
    const { connection } = this.#link;
    if (!isRefusal(why) || !connection) return this.#rejectAll(sent, this.#lostError(why));
    const isGuilty = refusedByAddress(why, sent);
    if (replyCode(why) === NOT_FOUND) {
      this.#declarations.forgetExchange(sent[0]!.destination.exchange.name);
    }
    let at = isGuilty ? sent.findIndex(isGuilty) : 0;
    if (!isGuilty && sent.length > 1) {
      at = await firstRefused(
        connection,
        sent.map(({ message }) => message),
      );
    }
    if (at < 0) return this.#rejectAll(sent, this.#lostError(why));
    for (const [index, one] of sent.entries()) {
      if (index < at) this.#confirmed(one, null);
      else if (index === at || isGuilty?.(one)) one.reject(this.#refusal(why, one));
      else this.#sendAgain(one);
    }
  }

  #refusal(why: Error, { message, destination }: Sent): Error {
    if (replyCode(why) !== NOT_FOUND) {
      return operationError(why, `publishing the ${nameOf(message)}`, this.#urls);
    }
    const exchange = JSON.stringify(destination.exchange.name);
    return new ChannelError(`There is no exchange ${exchange}.`, { cause: why });
  }

  /** The broker never looked at it. */
  #sendAgain({ message, destination, unroutable, resolve, reject }: Sent): void {
    const mandatory = unroutable === 'reject';
    this.publish(message, destination, { mandatory }).then(resolve, reject);
  }

  #rejectAll(sent: readonly Sent[], error: Error): void {
    for (const { reject } of sent) reject(error);
  }

  /** It is unknown whether the broker took what was on its way. */
  #lostError(why?: Error): OperationalError {
    const reason = why ? `: ${operationError(why, 'publishing', this.#urls).message}` : '.';
    return new OperationalError(`The connection was lost before a message was confirmed${reason}`);
  }
}

/**
 * Which of these the broker refuses for where they are sent: undefined when it said nothing
 * about that. All of them went to one exchange.
 */
function refusedByAddress(why: Error, sent: readonly Sent[]): ((one: Sent) => boolean) | undefined {
  const code = replyCode(why);
  if (code === NOT_FOUND) return () => true;
  if (code !== ACCESS_REFUSED) return undefined;
  const topic = /access to topic '(.*)' in exchange/.exec(why.message)?.[1];
  const isIt = ({ destination }: Sent) => destination.routingKey === topic;
  return topic !== undefined && sent.some(isIt) ? isIt : () => true;
}
