import type { Celery } from '../../app/app.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { printable, printableJson } from '../../base/text/printable.ts';
import { withRetries } from '../../base/time/backoff.ts';
import type { EventHandlers } from '../../events/receiver.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { runCamera } from '../camera.ts';
import type { EVENTS_OPTIONS } from '../declarations/events.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';
import { EventLines } from '../terminal/event-lines.ts';
import { interruption } from '../terminal/interrupt.ts';
import { LinePrinter } from '../terminal/output.ts';

/** Waits between attempts to connect, in seconds, as kombu does. */
const INTERVALS = { intervalStart: 2, intervalStep: 2, intervalMax: 32, maxRetries: null };

type Say = (line: string) => void;
const toStdout: Say = new LinePrinter().print;
const toStderr: Say = line => void process.stderr.write(`${line}\n`);

export async function run(invocation: Invocation<typeof EVENTS_OPTIONS>): Promise<number> {
  const { globals, values } = invocation;
  const { dump, json, camera, frequency = 1, maxrate } = values;
  if ([dump, json, camera].filter(Boolean).length > 1) {
    throw new UsageError('--dump, --json and --camera exclude each other.', { command: 'events' });
  }
  if (!dump && !json && camera === undefined) {
    throw new UsageError(
      'The full-screen monitor is not in tscelery yet; use --dump, --json or --camera.',
      { command: 'events' },
    );
  }
  const signal = interruption();
  const { app } = await loadApp(globals);
  try {
    if (camera !== undefined) {
      const options = { name: camera, frequency, maxrate };
      await runCamera(app, options, handlers => listen(app, handlers, toStdout, signal));
    } else if (json) {
      await listen(
        app,
        { '*': event => toStdout(printableJson(JSON.stringify(event))) },
        toStderr,
        signal,
      );
    } else await dumpEvents(app, signal);
  } finally {
    await app.close();
  }
  return EXIT.ok;
}

async function dumpEvents(app: Celery, signal: AbortSignal): Promise<void> {
  const lines = new EventLines();
  toStdout('-> evdump: starting capture...');
  await listen(app, { '*': event => toStdout(lines.line(event)) }, toStdout, signal);
}

/** Until it is interrupted, whatever becomes of the broker meanwhile. */
async function listen(
  app: Celery,
  handlers: EventHandlers,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const receiver = app.events.Receiver({
    handlers,
    onLost: () => say('-> Connection lost, attempting reconnect'),
  });
  const ended = new Promise<void>(resolve => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    const started = withRetries(() => receiver.start(), INTERVALS, {
      isRetryable: error => (error as { recoverable?: boolean }).recoverable === true,
      onRetry: (error, seconds) => say(cannotConnect(app, error as Error, seconds)),
      signal,
    });
    await Promise.race([started, ended]).catch(error => {
      if (!signal.aborted) throw error;
    });
    await ended;
    started.catch(() => {});
  } finally {
    await receiver.stop();
  }
}

function cannotConnect(app: Celery, error: Error, seconds: number): string {
  const url = printable(maskUrl(app.conf.broker_read_url));
  return `-> Cannot connect to ${url}: ${printable(error.message)}.\nTrying again in ${seconds.toFixed(2)} seconds\n`;
}
