/** A service from its start until it is told to stop: signals, the end of the process, restarts. */
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

export interface CommandService {
  /** In what the terminal sees, for example `worker`. */
  readonly name: string;
  /** Node name, or whatever else tells it from others. */
  readonly id: string;
  /** As `ps` shows it, for example `celeryd`. */
  readonly program: string;
  /** Resolves when it cannot go on by itself. */
  readonly failed: Promise<Error>;
  /** Resolves when it is asked from afar to stop. */
  readonly shutdownRequested: Promise<void>;
  start(): Promise<void>;
  stop(how: 'warm' | 'cold' | 'now', onKill?: () => void): Promise<void>;
  /** What it does now, by headline, for the dump that USR1 asks for. */
  activity(): Record<string, string[]>;
}

/** In one word, where it may be the value of an option; a password may have spaces. */
const URLS = /[a-z][a-z0-9+.-]*:\/\/[\s\S]+/i;
/** Seconds that the launcher of a detached service waits for it, which may wait for its broker. */
const LAUNCH_PATIENCE = 10;

export async function runService(service: CommandService, logger: ProcessLogger): Promise<number> {
  // taken now: pools in this process redirect later prints to the log
  const print = process.stdout.write.bind(process.stdout);
  const printError = process.stderr.write.bind(process.stderr);
  const say = (line: string) => void print(`${line}\n`);
  const shutdown = new Shutdown(service.name, {
    stop: (how, onKill) => service.stop(how, onKill),
    say,
    exit: code => process.exit(code),
  });
  // for the rest of this process
  watchStrayErrors({ onUnknown: error => logFatal(logger, error) });
  let isRestart = false;
  const restart = () => {
    say(`Restarting celery ${service.name} (${commandWords()})`);
    isRestart = true;
    shutdown.warm(EXIT.ok);
  };
  const dump = () => void printError(diagnostics('MainProcess', service.activity()));
  const uninstall = installSignals(
    remapTerm({
      ...shutdown.signals(),
      SIGUSR1: dump,
      SIGUSR2: () => logger.warning(openDebugger()),
      // On a terminal HUP means that it was closed; a watcher starts us again itself.
      ...(!process.stdout.isTTY && !startedBy?.watched && { SIGHUP: restart }),
    }),
  );
  void service.shutdownRequested.then(() => shutdown.warm(EXIT.ok));
  const code = await Promise.race([started(service), failed(service, logger), shutdown.done]);
  if (!isRestart) return code;
  uninstall();
  return await runAgain();
}

/** Settles only when the worker cannot start. */
async function started(service: CommandService): Promise<never> {
  const patience = setTimeout(() => {
    const text = `The ${service.name} runs in the background and is not ready yet; its log says more.`;
    reportToLauncher({ exitCode: EXIT.ok, text });
  }, LAUNCH_PATIENCE * 1000);
  try {
    await service.start();
  } finally {
    clearTimeout(patience);
  }
  setProcessTitle(service.program, `${service.id}:MainProcess`, `-active- (${commandWords()})`);
  reportToLauncher({ exitCode: EXIT.ok, text: '' });
  return new Promise(() => {});
}

function commandWords(): string {
  return process.argv
    .slice(2)
    .map(word => word.replace(URLS, url => maskUrl(url)))
    .join(' ');
}

async function failed(service: CommandService, logger: ProcessLogger): Promise<number> {
  const error = await service.failed;
  const text = error instanceof CeleryError ? String(error) : (error.stack ?? String(error));
  logger.critical(`Unrecoverable error: ${text}`);
  await service.stop('now');
  return EXIT.failure;
}
