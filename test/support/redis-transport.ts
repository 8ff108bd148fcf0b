/** Opening Redis transports in tests; they are closed when the test ends. */
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { parseUrls } from '../../src/drivers/url.ts';
import type { TransportEvent } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE } from '../../src/messaging/entities.ts';
import { RedisTransport } from '../../src/messaging/redis/transport.ts';

export interface OpenRedisOptions {
  transportOptions?: Record<string, unknown>;
  connectTimeout?: number;
}

export interface OpenedTransport {
  transport: RedisTransport;
  events: TransportEvent[];
  /** The types of the events so far, in order. */
  eventTypes(): string[];
}

export function openRedis(
  t: TestContext,
  url: string,
  { transportOptions = {}, connectTimeout = 4 }: OpenRedisOptions = {},
): OpenedTransport {
  const transport = new RedisTransport(parseUrls(url), {
    transportOptions,
    connectTimeout,
    useSsl: false,
  });
  const events: TransportEvent[] = [];
  transport.onEvent(event => events.push(event));
  t.after(() => transport.close());
  return { transport, events, eventTypes: () => events.map(event => event.type) };
}

export const uniquePrefix = () => `${randomUUID().slice(0, 8)}:`;
export const toQueue = (name: string) => ({ exchange: DEFAULT_EXCHANGE, routingKey: name });
export const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));
export const byNumber = (a: string, b: string) => Number(a) - Number(b);
