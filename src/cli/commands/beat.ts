/** `tscelery beat`: everything between the command line and a beat that runs until told to stop. */
import { Chalk } from 'chalk';
import type { Celery } from '../../app/app.ts';
import { expandHostName, nodeName } from '../../base/node-name.ts';
import { holdYoungHeap } from '../../base/process/young-heap.ts';
import { type OpenScheduler, openScheduler } from '../../beat/open-scheduler.ts';
import { Beat } from '../../beat/service.ts';
import { leaveOnSignals } from '../../process/signals/early.ts';
import { startedBy } from '../../process/started-by.ts';
import { beatService } from '../beat-service.ts';
import { Daemon } from '../daemon.ts';
import { BEAT_OPTIONS } from '../declarations/beat.ts';
import { type AppSource, loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { runService } from '../run-service.ts';
import { logConfig, openServiceLog } from '../service-log.ts';
import { commandLineSettings } from '../setting-words.ts';
import { beatFacts, ORNAMENT, startingLine } from '../terminal/beat-banner.ts';
import { wantsColor } from '../terminal/color.ts';

type BeatInvocation = Invocation<typeof BEAT_OPTIONS>;

/** Of a beat in the background, as nobody could stop it otherwise. */
const PIDFILE = 'celerybeat.pid';

export async function run(invocation: BeatInvocation): Promise<number> {
  const { values, globals } = invocation;
  const onLeading = holdYoungHeap();
  const { app, source } = await loadApp(globals);
  const settings = commandLineSettings('beat', BEAT_OPTIONS, invocation);
  app.conf.update(settings, 'the command line');
  if (values.detach && app.conf.get('beat_pidfile') === null) {
    app.conf.update({ beat_pidfile: PIDFILE }, '--detach');
  }
  const node = expandHostName(nodeName(undefined));
  const daemon = new Daemon(app.conf, 'beat', node);
  if (values.detach && daemon.isToDetach) {
    await app.close();
    return await daemon.detach();
  }
  daemon.begin();
  return await send({ app, source, daemon, invocation, onLeading });
}

interface Sending {
  readonly app: Celery;
  readonly source: AppSource;
  readonly daemon: Daemon;
  readonly invocation: BeatInvocation;
  readonly onLeading: () => void;
}

async function send(sending: Sending): Promise<number> {
  const { app, source, daemon, invocation, onLeading } = sending;
  const { values, globals } = invocation;
  const isShown = !globals.quiet && !startedBy?.detached;
  if (isShown) say(invocation, startingLine());
  await app.importModules([], source.cwd);
  const log = logConfig(app, globals, values, app.conf.get('beat_logfile'));
  const logger = await openServiceLog(app, daemon.node, log);
  leaveOnSignals();
  let pidfile: ReturnType<Daemon['takePidfile']>;
  try {
    pidfile = daemon.takePidfile();
    const opened = await openScheduler(app, logger, daemon.node);
    if (isShown) showBanner(app, opened, invocation);
    const beat = new Beat(app, { scheduler: opened.scheduler, logger, onLeading });
    return await runService(beatService(app, beat), logger);
  } finally {
    pidfile?.release();
    logger.close();
  }
}

function showBanner(app: Celery, { scheduler, name }: OpenScheduler, invocation: BeatInvocation) {
  say(invocation, ORNAMENT);
  const { conf } = app;
  const facts = beatFacts({
    brokerUrl: conf.broker_write_url,
    ...{ scheduler: name, info: scheduler.info, maxInterval: scheduler.maxInterval },
    logfile: conf.get('beat_logfile'),
    logLevel: invocation.values.loglevel ?? 'warning',
  });
  process.stdout.write(`${facts}\n`);
}

function say({ globals }: BeatInvocation, text: string): void {
  const chalk = new Chalk({ level: wantsColor(globals) ? 1 : 0 });
  process.stdout.write(`${chalk.cyan(text)}\n`);
}
