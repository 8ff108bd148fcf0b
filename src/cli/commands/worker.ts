/** `tscelery worker`: everything between the command line and a worker that runs until told to stop. */
import { Chalk } from 'chalk';
import type { Celery } from '../../app/app.ts';
import { parseCommandLineSetting } from '../../app/settings-names.ts';
import { CeleryError, ImproperlyConfigured } from '../../base/errors.ts';
import { maskUrl } from '../../base/mask-url.ts';
import { expandHostName, expandNodePath, nodeName } from '../../base/node-name.ts';
import { diagnostics } from '../../process/diagnostics.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { createLogger, type LogConfig, type ProcessLogger } from '../../process/log.ts';
import { runAgain } from '../../process/restart.ts';
import { Shutdown } from '../../process/shutdown.ts';
import { installSignals, remapTerm } from '../../process/signals.ts';
import { setProcessTitle } from '../../process/title.ts';
import { Worker } from '../../worker/worker.ts';
import { type BannerFacts, banner } from '../banner.ts';
import { refusesColor, wantsColor } from '../color.ts';
import type { Invocation } from '../command.ts';
import { UsageError } from '../command-error.ts';
import { WORKER_OPTIONS } from '../command-options.ts';
import { type AppSource, loadApp } from '../load-app.ts';
import type { Options } from '../option.ts';

type WorkerInvocation = Invocation<typeof WORKER_OPTIONS>;

export async function run(invocation: WorkerInvocation): Promise<number> {
  const { values } = invocation;
  const { app, source } = await loadApp(invocation.globals);
  const settings = commandLineSettings(invocation);
  app.conf.update(settings, 'the command line');
  await app.importModules(values.include, source.cwd);
  const node = expandHostName(nodeName(values.hostname));
  const log = logConfig(app, invocation);
  const logger = createLogger({ ...log, file: log.file && expandNodePath(log.file, node) });
  const worker = new Worker(app, {
    hostname: node,
    logger,
    ...(values.queues && { queues: values.queues }),
    ...(values.excludeQueues && { excludeQueues: values.excludeQueues }),
    child: { ...source, include: values.include ?? [], settings, node, log },
  });
  if (values.purge) await purge(worker);
  if (!invocation.globals.quiet) showBanner(worker, source, invocation);
  try {
    return await runUntilStopped(worker, logger);
  } finally {
    logger.close();
  }
}

/** Options that stand for a setting, then the trailing `key=value` words, which are more explicit. */
function commandLineSettings({ values, words }: WorkerInvocation): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [key, { setting }] of Object.entries(WORKER_OPTIONS as Options)) {
    const value = values[key as keyof typeof values];
    if (setting !== undefined && value !== undefined) settings[setting] = value;
  }
  for (const word of words) {
    const { name, value } = settingWord(word);
    settings[name] = value;
  }
  return settings;
}

function settingWord(word: string): { name: string; value: unknown } {
  try {
    return parseCommandLineSetting(word, 'worker');
  } catch (error) {
    if (!(error instanceof ImproperlyConfigured)) throw error;
    throw new UsageError(
      `Unable to parse extra configuration from command line.\nReason: ${error.message}`,
      { command: 'worker' },
    );
  }
}

function logConfig(app: Celery, { globals, values }: WorkerInvocation): LogConfig {
  const { worker_log_color, worker_log_format, worker_task_log_format, worker_logfile } = app.conf;
  const color = refusesColor(globals) ? false : worker_log_color;
  return {
    level: values.loglevel ?? 'warning',
    format: values.logFormat ?? 'text',
    pattern: worker_log_format,
    taskPattern: worker_task_log_format,
    processName: 'MainProcess',
    ...(worker_logfile !== null && { file: worker_logfile }),
    ...(color !== null && { color }),
  };
}

async function purge(worker: Worker): Promise<void> {
  const count = await worker.purge();
  if (count === 0) return;
  const noun = count === 1 ? 'message' : 'messages';
  process.stdout.write(`purge: Erased ${count} ${noun} from the queue.\n\n`);
}

function showBanner(worker: Worker, source: AppSource, invocation: WorkerInvocation): void {
  const chalk = new Chalk({ level: wantsColor(invocation.globals) ? 1 : 0 });
  const text = banner(bannerFacts(worker, source, invocation));
  process.stdout.write(`${chalk.cyan(text)}\n`);
}

function bannerFacts(worker: Worker, source: AppSource, { values }: WorkerInvocation): BannerFacts {
  const { conf, main, tasks } = worker.app;
  return {
    node: worker.hostname,
    app: `${main || '__main__'}${source.app === undefined ? '' : ` (${source.app})`}`,
    brokerUrl: conf.broker_read_url,
    resultBackend: conf.result_backend,
    embedded: conf.usesEmbeddedDefault,
    concurrency: worker.concurrency,
    slots: conf.worker_child_slots,
    pool: worker.poolName,
    sendsEvents: conf.worker_send_task_events,
    queues: worker.queues,
    tasks: [...tasks.keys()],
    logLevel: values.loglevel ?? 'warning',
  };
}

async function runUntilStopped(worker: Worker, logger: ProcessLogger): Promise<number> {
  // taken now: pools in this process redirect later prints to the log
  const print = process.stdout.write.bind(process.stdout);
  const printError = process.stderr.write.bind(process.stderr);
  const say = (line: string) => void print(`${line}\n`);
  const shutdown = new Shutdown('worker', {
    stop: how => worker.stop(how),
    say,
    exit: code => process.exit(code),
  });
  let isRestart = false;
  const restart = () => {
    say(`Restarting celery worker (${process.argv.slice(2).join(' ')})`);
    isRestart = true;
    shutdown.warm(EXIT.ok);
  };
  const dump = () => void printError(diagnostics('MainProcess', activeTasks(worker)));
  const uninstall = installSignals(
    remapTerm({
      ...shutdown.signals(),
      SIGUSR1: dump,
      // On a terminal HUP means that it was closed.
      ...(!process.stdout.isTTY && { SIGHUP: restart }),
    }),
  );
  if (worker.app.conf.usesEmbeddedDefault) logger.info(EMBEDDED_HINT);
  const code = await Promise.race([started(worker), failed(worker, logger), shutdown.done]);
  if (!isRestart) return code;
  uninstall();
  return await runAgain();
}

const EMBEDDED_HINT =
  'Messages and results are kept in celery.sqlite in this directory. Set broker_url (and result_backend) to use a server, for example when workers run on more than one machine.';

const URLS = /[a-z][a-z0-9+.-]*:\/\/\S+/gi;

/** Settles only when the worker cannot start. */
async function started(worker: Worker): Promise<never> {
  await worker.start();
  const words = process.argv
    .slice(2)
    .join(' ')
    .replace(URLS, url => maskUrl(url));
  setProcessTitle('celeryd', `${worker.hostname}:MainProcess`, `-active- (${words})`);
  return new Promise(() => {});
}

async function failed(worker: Worker, logger: ProcessLogger): Promise<number> {
  const error = await worker.failed;
  const text = error instanceof CeleryError ? String(error) : (error.stack ?? String(error));
  logger.critical(`Unrecoverable error: ${text}`);
  await worker.stop('cold');
  return EXIT.failure;
}

function activeTasks({ state }: Worker): Record<string, string[]> {
  const requests = [...state.requests];
  return {
    'ACTIVE TASKS': requests
      .filter(request => request.state === 'active')
      .map(request => `${request.label} pid:${request.pid ?? '?'}`),
    'WAITING TASKS': requests
      .filter(request => request.state !== 'active')
      .map(request => `${request.label} ${request.state}`),
  };
}
