import type { Celery } from '../../app/app.ts';
import type { LogLevel } from '../../base/logger.ts';
import { expandNodePath, nodeName } from '../../base/node-name.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { printable, printableJson } from '../../base/text/printable.ts';
import { withRetries } from '../../base/time/backoff.ts';
import type { EventHandlers, ReceivedEvent } from '../../events/receiver.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { createLogger } from '../../process/log.ts';
import { redirectOutput } from '../../process/redirect-output.ts';
import { setProcessTitle } from '../../process/title.ts';
import { runCamera } from '../camera.ts';
import { Daemon, launched } from '../daemon.ts';
import { EVENTS_OPTIONS } from '../declarations/events.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';
import { settingsGiven } from '../parsing/option.ts';
import { EventLines } from '../terminal/event-lines.ts';
import { interruption } from '../terminal/interrupt.ts';
import { LinePrinter } from '../terminal/output.ts';

/** Waits between attempts to connect, in seconds, as kombu does. */
const INTERVALS = { intervalStart: 2, intervalStep: 2, intervalMax: 32, maxRetries: null };

type EventsInvocation = Invocation<typeof EVENTS_OPTIONS>;
type Say = (line: string) => void;
const toStdout: Say = new LinePrinter().print;
const toStderr: Say = line => void process.stderr.write(`${line}\n`);

export async function run(invocation: EventsInvocation): Promise<number> {
  const { globals, values } = invocation;
  checkMode(values);
  const { app } = await loadApp(globals);
  try {
    app.conf.update(settingsGiven(EVENTS_OPTIONS, values), 'the command line');
    const daemon = new Daemon(app.conf, 'events', nodeName(undefined));
    if (values.detach && daemon.isToDetach) return await daemon.detach();
    daemon.begin();
    const pidfile = daemon.takePidfile();
    try {
      await show(app, daemon.node, invocation);
    } finally {
      pidfile?.release();
    }
  } finally {
    await app.close();
  }
  return EXIT.ok;
}

function checkMode(values: EventsInvocation['values']): void {
  const { dump, json, camera, detach, logfile, loglevel } = values;
  const wrong = (text: string) => new UsageError(text, { command: 'events' });
  if ([dump, json, camera].filter(Boolean).length > 1) {
    throw wrong('--dump, --json and --camera exclude each other.');
  }
  if (!dump && !json && camera === undefined) {
    throw wrong('The full-screen monitor is not in tscelery yet; use --dump, --json or --camera.');
  }
  const ofCamera = { '--detach': detach, '--logfile': logfile, '--loglevel': loglevel };
  const [stray] = Object.entries(ofCamera).find(([, value]) => value !== undefined) ?? [];
  if (stray !== undefined && camera === undefined) throw wrong(`${stray} goes with --camera.`);
}

async function show(app: Celery, node: string, { values }: EventsInvocation): Promise<void> {
  const signal = interruption();
  const { json, camera, frequency = 1, maxrate } = values;
  if (camera !== undefined) {
    const log = openLog(app, node, values.loglevel);
    setProcessTitle('celeryev', node, '(evcam)');
    try {
      const options = { name: camera, frequency, maxrate };
      await runCamera(app, options, handlers => listen(app, handlers, toStdout, signal));
    } finally {
      log?.close();
    }
  } else if (json) {
    const print = (event: ReceivedEvent) => toStdout(printableJson(JSON.stringify(event)));
    await listen(app, { '*': print }, toStderr, signal);
  } else await dumpEvents(app, signal);
}

/** What the camera prints goes there from now on; undefined without a file. */
function openLog({ conf }: Celery, node: string, level: LogLevel = 'warning') {
  const path = conf.get('events_logfile');
  if (path === null) return undefined;
  const file = expandNodePath(path, node);
  const logger = createLogger({ level, file, format: 'text', processName: 'MainProcess' });
  const end = redirectOutput({ logger, level: 'warning' });
  return {
    close() {
      end();
      logger.close();
    },
  };
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
    const started = launched('monitor', () =>
      withRetries(() => receiver.start(), INTERVALS, {
        isRetryable: error => (error as { recoverable?: boolean }).recoverable === true,
        onRetry: (error, seconds) => say(cannotConnect(app, error as Error, seconds)),
        signal,
      }),
    );
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
