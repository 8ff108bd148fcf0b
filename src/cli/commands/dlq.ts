/** `tscelery dlq`: what workers (or RabbitMQ) gave up, seen through the messaging contract alone. */

import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { counted } from '../../base/text/counted.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { printable } from '../../base/text/printable.ts';
import { browse } from '../../messaging/browse.ts';
import type { Destination, Transport } from '../../messaging/contract.ts';
import { DEFAULT_EXCHANGE, exchange, type Queue, queue } from '../../messaging/entities.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { reviveMessage } from '../../wire/messages/dead-letter.ts';
import { deadLetterQueue } from '../../worker/dead-letters.ts';
import {
  details,
  detailsJson,
  type Found,
  found,
  LIST_HEADER,
  listJson,
  listLine,
  matcher,
} from '../dead-letters.ts';
import type { DLQ_OPTIONS } from '../declarations/dlq.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';
import type { Values } from '../parsing/option.ts';
import { wantsColor } from '../terminal/color.ts';
import { confirm } from '../terminal/confirm.ts';
import { interruption } from '../terminal/interrupt.ts';

type DlqValues = Values<typeof DLQ_OPTIONS>;

interface Errand {
  readonly app: Celery;
  readonly transport: Transport;
  readonly values: DlqValues;
  readonly names: readonly string[];
  readonly color: boolean;
  readonly interrupted: AbortSignal;
}

const ACTIONS = { ls, show, replay, purge } as const;
type Action = keyof typeof ACTIONS;

const HELP = `Usage: tscelery dlq COMMAND [OPTIONS]

Commands:
  ls      One line for each dead letter.
  show    Everything about dead letters.
  replay  Send dead letters again, as they were.
  purge   Delete dead letters.`;

/** Options that belong to some of the actions only. */
const ONLY_WITH: readonly (readonly [keyof DlqValues, string, readonly Action[]])[] = [
  ['json', '--json', ['ls', 'show']],
  ['to', '--to', ['replay']],
  ['byExchange', '--by-exchange', ['replay']],
  ['force', '--force', ['purge']],
];

const DEFAULT_SCAN = 10_000;
const DEFAULT_LIMITS: Readonly<Partial<Record<Action, number>>> = { ls: 100, show: 10 };

export async function run(invocation: Invocation<typeof DLQ_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  if (words.length === 0) {
    process.stdout.write(`${HELP}\n`);
    return EXIT.ok;
  }
  const action = readAction(words, values);
  const { app } = await loadApp(globals);
  const transport = await app[INTERNALS].openTransport('read');
  try {
    const names = queueNames(app, values);
    await transport.connect();
    const interrupted = interruption();
    const errand = { app, transport, names, color: wantsColor(globals), interrupted };
    return await ACTIONS[action]({
      ...errand,
      values: { limit: DEFAULT_LIMITS[action] ?? Number.POSITIVE_INFINITY, ...values },
    });
  } finally {
    await transport.close();
    await app.close();
  }
}

function readAction(words: readonly string[], values: DlqValues): Action {
  const [word = '', ...extra] = words;
  const known = Object.keys(ACTIONS);
  if (!known.includes(word)) {
    throw usage(`No such command '${word}'.${didYouMean(word, known)} Known: ${known.join(', ')}.`);
  }
  if (extra.length > 0) throw usage(`Got unexpected extra arguments (${extra.join(' ')})`);
  const action = word as Action;
  for (const [key, name, actions] of ONLY_WITH) {
    if (values[key] === undefined || actions.includes(action)) continue;
    throw usage(`'${name}' goes with ${actions.join(' and ')}, not with ${action}.`);
  }
  if (values.to !== undefined && values.byExchange) {
    throw usage("'--to' and '--by-exchange' exclude each other.");
  }
  return action;
}

function usage(message: string): UsageError {
  return new UsageError(message, { command: 'dlq' });
}

function queueNames(app: Celery, values: DlqValues): string[] {
  if (values.queue) return [...new Set(values.queue)];
  const template = app.conf.get('worker_dead_letter_queue');
  if (template === null) {
    throw usage('Which queue? Name one with --queue, or set worker_dead_letter_queue.');
  }
  return [...new Set(app.queues.names.map(name => deadLetterQueue(template, name)))];
}

/**
 * Shows `visit` the messages of a queue that match the options, up to the limit; what it does
 * not settle stays in the queue. What comes in meanwhile is left alone.
 */
async function forEach(
  errand: Errand,
  name: string,
  visit: (each: Found) => Promise<void> | void,
): Promise<void> {
  const { transport, values, interrupted } = errand;
  const waiting = await transport.size(name);
  if (waiting === 0) return;
  const limit = values.limit!;
  const matches = matcher(values);
  const scan = values.scan ?? DEFAULT_SCAN;
  let matched = 0;
  const visited = await browse(transport, [entity(errand.app, name)], {
    most: waiting,
    mostHeld: scan,
    signal: interrupted,
    isDone: () => matched >= limit,
    visit: delivery => {
      const each = found(delivery);
      if (matched >= limit || !matches(each)) return undefined;
      matched += 1;
      return visit(each);
    },
  });
  if (visited >= waiting || matched >= limit || interrupted.aborted) return;
  const why = visited >= scan ? '--scan sets how many' : 'the others are held by somebody, or late';
  note(`Looked at ${visited} of the ${waiting} messages in ${name}; ${why}.`);
}

/** A queue that the app does not declare is taken as it is: RabbitMQ refuses another form of it. */
function entity(app: Celery, name: string): Queue {
  if (app.queues.has(name)) return app.queues.get(name);
  return queue(name, { exchange: DEFAULT_EXCHANGE, noDeclare: true });
}

/** Stdout belongs to the data. */
function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function ls(errand: Errand): Promise<number> {
  const { values, names, transport } = errand;
  for (const name of names) {
    if (values.json) {
      await forEach(errand, name, each => print(listJson(name, each)));
      continue;
    }
    const waiting = await transport.size(name);
    print(printable(`${name}: ${counted(waiting, 'message')}`));
    if (waiting === 0) continue;
    print(LIST_HEADER);
    await forEach(errand, name, each => print(listLine(each)));
  }
  return ended(errand);
}

async function show(errand: Errand): Promise<number> {
  let shown = 0;
  for (const name of errand.names) {
    await forEach(errand, name, each => {
      shown += 1;
      print(errand.values.json ? detailsJson(name, each) : details(name, each));
    });
  }
  if (shown === 0) throw new CommandError(`Nothing of that kind in ${errand.names.join(', ')}.`);
  return ended(errand);
}

async function replay(errand: Errand): Promise<number> {
  const declared = new Set<string>();
  for (const name of errand.names) {
    const tally = { sent: 0, bareText: 0, homeless: 0 };
    try {
      await forEach(errand, name, async each => {
        const target = destination(errand, each);
        if (each.letter?.isBareText) tally.bareText += 1;
        else if (!target) tally.homeless += 1;
        else {
          await sendAgain(errand, each, target, declared);
          tally.sent += 1;
        }
      });
    } finally {
      print(printable(`Replayed ${counted(tally.sent, 'message')} from ${name}.`));
    }
    if (tally.bareText > 0) {
      note(`Left ${counted(tally.bareText, 'message')} that could not even be read; see dlq show.`);
    }
    if (tally.homeless > 0) {
      note(
        `Left ${counted(tally.homeless, 'message')} without a queue to go back to; --to names one.`,
      );
    }
  }
  return ended(errand);
}

/** Where a message goes; undefined when nobody noted where it came from. */
function destination({ values, app }: Errand, { letter }: Found): Destination | undefined {
  const byName = (routingKey: string) => ({ exchange: DEFAULT_EXCHANGE, routingKey });
  if (values.to !== undefined) return byName(values.to);
  if (!letter || letter.queue === '') return undefined;
  if (!values.byExchange || letter.exchange === '') return byName(letter.queue);
  const { names } = app.queues;
  const known = names.map(each => app.queues.get(each).exchange);
  return {
    exchange: known.find(({ name }) => name === letter.exchange) ?? exchange(letter.exchange),
    routingKey: letter.routingKey,
  };
}

/** The dead copy goes when the broker has confirmed the live one. */
async function sendAgain(
  { transport, app }: Errand,
  { delivery, task, id }: Found,
  target: Destination,
  declared: Set<string>,
): Promise<void> {
  const name = target.routingKey;
  if (target.exchange.name === '' && app.queues.has(name) && !declared.has(name)) {
    declared.add(name);
    await transport.declare(app.queues.get(name));
  }
  await transport.publish(reviveMessage(delivery.message), target, { mandatory: true });
  try {
    await delivery.ack();
  } catch (error) {
    throw new CommandError(
      `${task}[${id}] was sent again, but it may still be in ${delivery.queue}, too: ${(error as Error).message}`,
    );
  }
}

async function purge(errand: Errand): Promise<number> {
  const { values, names, color, transport } = errand;
  const isFiltered = ['task', 'since', 'reason', 'id'].some(key => key in values);
  const isAll = !isFiltered && values.limit === Number.POSITIVE_INFINITY;
  if (!values.force) {
    const which = isAll ? 'all dead letters' : 'the chosen dead letters';
    const warning = `This will delete ${which} from ${names.length === 1 ? 'queue' : 'queues'}: ${names.join(', ')}.`;
    if (!(await confirm(warning, 'Are you sure you want to delete them?', { color }))) {
      note('Aborted!');
      return EXIT.failure;
    }
  }
  let deleted = 0;
  for (const name of names) {
    if (isAll) {
      deleted += await transport.purge(name);
      continue;
    }
    await forEach(errand, name, async ({ delivery }) => {
      await delivery.ack();
      deleted += 1;
    });
  }
  print(`Deleted ${counted(deleted, 'message')}.`);
  return ended(errand);
}

function ended({ interrupted }: Errand): number {
  if (!interrupted.aborted) return EXIT.ok;
  note('Interrupted: everything else is where it was.');
  return EXIT.failure;
}
