/** `tscelery migrate`: task messages from one broker to another, unchanged. */
import type { Celery } from '../../app/app.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { browse } from '../../messaging/browse.ts';
import type { Delivery, Transport } from '../../messaging/contract.ts';
import { DEFAULT_EXCHANGE, type Queue, queue } from '../../messaging/entities.ts';
import { openTransport } from '../../messaging/open.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { publishedHeaders } from '../../wire/messages/dead-letter.ts';
import { bodyBytes } from '../../wire/messages/message.ts';
import { isTaskMessage, readTaskHeaders } from '../../wire/messages/task-message.ts';
import type { MIGRATE_OPTIONS } from '../declarations/migrate.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';
import type { Values } from '../parsing/option.ts';
import { interruption } from '../terminal/interrupt.ts';

const IDLE = 1;
const MOST_BODY_SHOWN = 1024;

interface Migration {
  readonly source: Transport;
  readonly destination: Transport;
  readonly values: Values<typeof MIGRATE_OPTIONS>;
  readonly queues: readonly QueueMove[];
  readonly interrupted: AbortSignal;
}

interface QueueMove {
  readonly from: Queue;
  readonly to: Queue;
}

export async function run(invocation: Invocation<typeof MIGRATE_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const [from = '', to = ''] = words;
  const { app } = await loadApp(globals);
  const opened: Transport[] = [];
  const open = async (url: string) => {
    const transport = await openBroker(app, url);
    opened.push(transport);
    await transport.connect();
    return transport;
  };
  try {
    const queues = moves(app, values.queues);
    const [source, destination] = [await open(from), await open(to)];
    if (source.url === destination.url && queues.some(({ from, to }) => from.name === to.name)) {
      throw new UsageError('SOURCE and DESTINATION are the same broker.', { command: 'migrate' });
    }
    return await migrate({ source, destination, values, queues, interrupted: interruption() });
  } finally {
    for (const transport of opened) await transport.close();
    await app.close();
  }
}

function openBroker(app: Celery, url: string): Promise<Transport> {
  const { conf } = app;
  return openTransport(url, {
    transportOptions: conf.get('broker_transport_options'),
    connectTimeout: conf.get('broker_connection_timeout'),
    useSsl: conf.get('broker_use_ssl'),
  });
}

/** Broadcasts are for those that listen: there is nothing to move. */
function moves(app: Celery, given: readonly string[] | undefined): QueueMove[] {
  const names = given ?? app.queues.names;
  return names
    .map(word => {
      const colon = word.indexOf(':');
      const [old, renamed] =
        colon < 0 ? [word, word] : [word.slice(0, colon), word.slice(colon + 1)];
      if (old === '' || renamed === '') {
        throw new UsageError(`'${word}' is no queue, and not old:new either.`, {
          command: 'migrate',
        });
      }
      const from = app.queues.has(old) ? app.queues.get(old) : queue(old, { noDeclare: true });
      return { from, to: app.queues.has(renamed) ? app.queues.get(renamed) : queue(renamed) };
    })
    .filter(({ from }) => from.exchange.type !== 'fanout');
}

async function migrate(migration: Migration): Promise<number> {
  const { source, destination, values, queues, interrupted } = migration;
  const { limit = Number.POSITIVE_INFINITY, forever = false } = values;
  const sizes = await Promise.all(queues.map(({ from }) => source.size(from.name)));
  const waiting = sizes.reduce((sum, size) => sum + size, 0);
  const total = Math.min(waiting, limit);
  for (const { to } of queues) await destination.declare(to);
  // consuming would declare a queue that is not there
  const present = queues.filter((_, at) => forever || sizes[at]! > 0);
  if (present.length === 0) return EXIT.ok;
  const targets = new Map(queues.map(({ from, to }) => [from.name, to.name]));
  const chosen = values.tasks && new Set(values.tasks);
  let count = 0;
  await browse(
    source,
    present.map(({ from }) => from),
    {
      most: forever ? Number.POSITIVE_INFINITY : waiting,
      idle: forever ? Number.POSITIVE_INFINITY : (values.timeout ?? IDLE),
      signal: interrupted,
      isDone: () => count >= limit,
      visit: async delivery => {
        if (count >= limit || !isWanted(delivery, chosen)) return;
        count += 1;
        const shown = forever ? '?' : String(total);
        process.stdout.write(
          `Migrating task ${count}/${shown}: ${printable(describe(delivery))}\n`,
        );
        await send(destination, delivery, targets.get(delivery.queue) ?? delivery.queue);
        if (values.ackMessages) await forget(delivery);
      },
    },
  );
  if (!interrupted.aborted || forever) return EXIT.ok;
  process.stderr.write('Interrupted: everything else is where it was.\n');
  return EXIT.failure;
}

function isWanted(delivery: Delivery, chosen: ReadonlySet<string> | undefined): boolean {
  if (delivery.problem) return false;
  return chosen === undefined || chosen.has(taskName(delivery));
}

function taskName({ message }: Delivery): string {
  try {
    return isTaskMessage(message) ? readTaskHeaders(message).task : '';
  } catch {
    return '';
  }
}

/** Straight into the queue: its exchange may feed others, which have their own copies. */
async function send(destination: Transport, { message }: Delivery, name: string): Promise<void> {
  await destination.publish(
    { ...message, headers: publishedHeaders(message.headers) },
    { exchange: DEFAULT_EXCHANGE, routingKey: name },
  );
}

async function forget(delivery: Delivery): Promise<void> {
  try {
    await delivery.ack();
  } catch (error) {
    throw new CommandError(
      `The last message is at the destination, but may still be in ${delivery.queue}, too: ${(error as Error).message}`,
    );
  }
}

/** The body as Python prints it. */
function describe({ message }: Delivery): string {
  const bytes = bodyBytes(message);
  const text = bytes.toString('utf8');
  if (message.contentType === 'application/json' && text.length <= MOST_BODY_SHOWN) {
    try {
      return saferepr(JSON.parse(text), { maxLength: MOST_BODY_SHOWN });
    } catch {
      // not what it says it is
    }
  }
  return saferepr(text, { maxLength: MOST_BODY_SHOWN });
}
