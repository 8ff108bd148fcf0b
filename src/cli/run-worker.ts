/** A worker from its start until it is told to stop: signals, the end of the process, restarts. */
import { CeleryError } from '../base/errors.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { openDebugger } from '../process/debugger.ts';
import { reportToLauncher } from '../process/detach.ts';
import { diagnostics } from '../process/diagnostics.ts';
import { EXIT } from '../process/exit-codes.ts';
import type { ProcessLogger } from '../process/log.ts';
import { runAgain } from '../process/restart.ts';
import { Shutdown } from '../process/shutdown.ts';
import { installSignals, remapTerm } from '../process/signals.ts';
import { startedBy } from '../process/started-by.ts';
import { setProcessTitle } from '../process/title.ts';
import { logFatal, watchStrayErrors } from '../worker/child/stray-errors.ts';
import type { Worker } from '../worker/worker.ts';

const EMBEDDED_HINT =
  'Messages and results are kept in celery.sqlite in this directory. Set broker_url (and result_backend) to use a server, for example when workers run on more than one machine.';

/** In one word, where it may be the value of an option; a password may have spaces. */
const URLS = /[a-z][a-z0-9+.-]*:\/\/[\s\S]+/i;
/** Seconds that the launcher of a detached worker waits for the broker. */
const LAUNCH_PATIENCE = 10;

/** Resolves with the exit code. */
export async function runUntilStopped(worker: Worker, logger: ProcessLogger): Promise<number> {
  // taken now: pools in this process redirect later prints to the log
  const print = process.stdout.write.bind(process.stdout);
  const printError = process.stderr.write.bind(process.stderr);
  const say = (line: string) => void print(`${line}\n`);
  const shutdown = new Shutdown('worker', {
    stop: (how, onKill) => worker.stop(how, onKill),
    say,
    exit: code => process.exit(code),
  });
  // for the rest of this process
  watchStrayErrors({ onUnknown: error => logFatal(logger, error) });
  let isRestart = false;
  const restart = () => {
    say(`Restarting celery worker (${commandWords()})`);
    isRestart = true;
    shutdown.warm(EXIT.ok);
  };
  const dump = () => void printError(diagnostics('MainProcess', activeTasks(worker)));
  const uninstall = installSignals(
    remapTerm({
      ...shutdown.signals(),
      SIGUSR1: dump,
      SIGUSR2: () => logger.warning(openDebugger()),
      // On a terminal HUP means that it was closed; a watcher starts us again itself.
      ...(!process.stdout.isTTY && !startedBy?.watched && { SIGHUP: restart }),
    }),
  );
  if (worker.app.conf.usesEmbeddedDefault) logger.info(EMBEDDED_HINT);
  const code = await Promise.race([started(worker), failed(worker, logger), shutdown.done]);
  if (!isRestart) return code;
  uninstall();
  return await runAgain();
}

/** Settles only when the worker cannot start. */
async function started(worker: Worker): Promise<never> {
  const patience = setTimeout(() => {
    const text = 'The worker runs in the background and is not ready yet; its log says more.';
    reportToLauncher({ exitCode: EXIT.ok, text });
  }, LAUNCH_PATIENCE * 1000);
  try {
    await worker.start();
  } finally {
    clearTimeout(patience);
  }
  setProcessTitle('celeryd', `${worker.hostname}:MainProcess`, `-active- (${commandWords()})`);
  reportToLauncher({ exitCode: EXIT.ok, text: '' });
  return new Promise(() => {});
}

function commandWords(): string {
  return process.argv
    .slice(2)
    .map(word => word.replace(URLS, url => maskUrl(url)))
    .join(' ');
}

async function failed(worker: Worker, logger: ProcessLogger): Promise<number> {
  const error = await worker.failed;
  const text = error instanceof CeleryError ? String(error) : (error.stack ?? String(error));
  logger.critical(`Unrecoverable error: ${text}`);
  await worker.stop('now');
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
