/** `tscelery worker`: everything between the command line and a worker that runs until told to stop. */
import { dirname, relative, resolve } from 'node:path';
import { Chalk } from 'chalk';
import type { Celery } from '../../app/app.ts';
import { autoscale, heartbeat } from '../../app/workers/worker-options.ts';
import type { Logger } from '../../base/logger.ts';
import { expandHostName, nodeName } from '../../base/node-name.ts';
import { leaveOnSignals } from '../../process/signals/early.ts';
import { startedBy } from '../../process/started-by.ts';
import { runWatching } from '../../process/watching/watch.ts';
import { Worker } from '../../worker/worker.ts';
import { withBeat } from '../beat-service.ts';
import { Daemon } from '../daemon.ts';
import { WORKER_OPTIONS } from '../declarations/worker.ts';
import { type AppSource, loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';
import type { GlobalValues } from '../parsing/global-options.ts';
import { runService } from '../run-service.ts';
import { logConfig, openServiceLog } from '../service-log.ts';
import { commandLineSettings } from '../setting-words.ts';
import { type BannerFacts, banner } from '../terminal/banner.ts';
import { wantsColor } from '../terminal/color.ts';
import { workerService } from '../worker-service.ts';

type WorkerInvocation = Invocation<typeof WORKER_OPTIONS>;

export async function run(invocation: WorkerInvocation): Promise<number> {
  const { values, globals } = invocation;
  const isWatching = values.watch && !startedBy?.watched;
  if (values.watch && values.detach) {
    throw new UsageError('--watch and --detach exclude each other.', { command: 'worker' });
  }
  if (isWatching) return await runWatching(watchedFolders(globals), say);
  const { app, source } = await loadApp(globals);
  const settings = settingsOf(invocation);
  app.conf.update(settings, 'the command line');
  const node = expandHostName(nodeName(values.hostname));
  const daemon = new Daemon(app.conf, 'worker', node);
  if (values.detach && daemon.isToDetach) {
    await app.close();
    return await daemon.detach();
  }
  daemon.begin();
  return await work(app, source, daemon, invocation);
}

async function work(
  app: Celery,
  source: AppSource,
  daemon: Daemon,
  invocation: WorkerInvocation,
): Promise<number> {
  const { values } = invocation;
  const { node } = daemon;
  await app.importModules(values.include, source.cwd);
  await app.signals.celeryInit.send(node, { hostname: node });
  const log = logConfig(app, invocation.globals, values, app.conf.get('worker_logfile'));
  const logger = await openServiceLog(app, node, log);
  const worker = new Worker(app, {
    hostname: node,
    logger,
    fair: values.optimization === 'fair',
    mingles: !values.withoutMingle,
    gossips: !values.withoutGossip,
    ...heartbeat(values),
    ...autoscale(values),
    ...(values.queues && { queues: values.queues }),
    ...(values.excludeQueues && { excludeQueues: values.excludeQueues }),
    child: {
      ...source,
      include: values.include ?? [],
      settings: settingsOf(invocation),
      node,
      log,
    },
  });
  leaveOnSignals();
  const pidfile = daemon.takePidfile();
  try {
    if (values.purge) await purge(worker);
    if (!invocation.globals.quiet && !startedBy?.detached) showBanner(worker, source, invocation);
    if (app.conf.usesEmbeddedDefault) logger.info(EMBEDDED_HINT);
    const beat = values.beat ? await embeddedBeat(app, node, logger) : undefined;
    const service = workerService(worker);
    return await runService(beat ? withBeat(service, beat, logger) : service, logger);
  } finally {
    pidfile?.release();
    logger.close();
  }
}

const EMBEDDED_HINT =
  'Messages and results are kept in celery.sqlite in this directory. Set broker_url (and result_backend) to use a server, for example when workers run on more than one machine.';

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Where the user's code is: the working directory, and the folder of an app given by its path. */
function watchedFolders({ app, workdir }: GlobalValues): string[] {
  const cwd = resolve(workdir ?? '.');
  const path = app?.replace(/:[^:/\\]*$/, '') ?? '';
  const folder = dirname(resolve(cwd, path));
  const isElsewhere = /[/\\]/.test(path) && relative(cwd, folder).startsWith('..');
  return isElsewhere ? [cwd, folder] : [cwd];
}

/** The beat of `-B`, if it is wanted. */
async function embeddedBeat(app: Celery, node: string, logger: Logger) {
  const { openScheduler } = await import('../../beat/open-scheduler.ts');
  const { Beat } = await import('../../beat/service.ts');
  const { scheduler } = await openScheduler(app, logger, node);
  return new Beat(app, { scheduler, logger, embedded: true });
}

function settingsOf(invocation: WorkerInvocation): Record<string, unknown> {
  return commandLineSettings('worker', WORKER_OPTIONS, invocation);
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
    autoscale: worker.autoscale,
    slots: conf.worker_child_slots,
    pool: worker.poolName,
    sendsEvents: conf.worker_send_task_events,
    queues: worker.queues,
    tasks: [...tasks.keys()],
    logLevel: values.loglevel ?? 'warning',
  };
}
