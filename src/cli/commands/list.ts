import { INTERNALS } from '../../app/app-internals.ts';
import { printable } from '../../base/text/printable.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';

const SUBJECTS = ['bindings'];
const HELP = `Usage: tscelery list COMMAND

Commands:
  bindings  Queues, their exchanges and routing keys.`;

/** `list bindings`: what the broker knows of queues and exchanges. */
export async function run({ globals, words }: Invocation): Promise<number> {
  const [subject, ...extra] = words;
  if (subject === undefined) return print([HELP]);
  if (!SUBJECTS.includes(subject) || extra.length > 0) {
    const what = SUBJECTS.includes(subject) ? extra[0] : subject;
    throw new UsageError(`No such command '${what}'. Known: ${SUBJECTS.join(', ')}.`, {
      command: 'list',
    });
  }
  const { app } = await loadApp(globals);
  try {
    const transport = await app[INTERNALS].transport();
    if (!transport.bindings) {
      const why =
        transport.name === 'amqp'
          ? ': RabbitMQ tells them to its management plugin only (`rabbitmqctl list_bindings` shows them).'
          : '.';
      throw new CommandError(`Your transport cannot list bindings${why}`, EXIT.usage);
    }
    await transport.connect();
    for (const queue of app.queues.consumed) await transport.declare(queue);
    const rows = (await transport.bindings()).map(
      ({ queue, exchange, routingKey }) => [queue, exchange, routingKey] as const,
    );
    const rule = '-'.repeat(16);
    const body = rows.map(row => line(...row)).sort();
    return print([line('Queue', 'Exchange', 'Routing Key'), line(rule, rule, rule), ...body]);
  } finally {
    await app.close();
  }
}

/** Columns as wide as Celery's. */
function line(queue: string, exchange: string, routingKey: string): string {
  return printable(`${queue.padEnd(28)} ${exchange.padEnd(28)} ${routingKey}`);
}

function print(lines: readonly string[]): number {
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}
