/** A service from its start until it is told to stop: signals, the end of the process, restarts. */
import { CeleryError } from '../base/errors.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { EXIT } from '../process/exit-codes.ts';
import type { ProcessLogger } from '../process/log.ts';
import { runAgain } from '../process/restart.ts';
import { toggleDebugger } from '../process/signals/debugger.ts';
import { diagnostics } from '../process/signals/diagnostics.ts';
import { installHeld } from '../process/signals/early.ts';
import { handlersOf, remapTerm } from '../process/signals/install.ts';
import { Shutdown } from '../process/signals/shutdown.ts';
import { startedBy } from '../process/started-by.ts';
import { setTitle } from '../process/title.ts';
import { logFatal, watchStrayErrors } from '../worker/child/stray-errors.ts';
import { launched } from './daemon.ts';

export interface CommandService {
  /** In what the terminal sees, for example `worker`. */
  readonly name: string;
  /** As `ps` shows it, with the words of its command line. */
  title(words: string): string;
  /** It runs no tasks: it ends without a word of them, and with exit code 0 after Ctrl+C. */
  readonly isPlain?: boolean;
  /** What the log says when it cannot go on. */
  failureText?(error: Error): string;
  /** Resolves when it cannot go on by itself. */
  readonly failed: Promise<Error>;
  /** Resolves when it is asked from afar to stop. */
  readonly shutdownRequested: Promise<void>;
  start(): Promise<void>;
  stop(how: 'warm' | 'cold' | 'now', onKill?: () => void): Promise<void>;
  /** What it does now, by headline, for the report that USR1 asks for. Resolves soon, whoever is blocked. */
  activity(): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Make the pool larger or smaller by one, and log what became of it; undefined when there is none. */
  resize?(by: 1 | -1): void;
}

/** In one word, where it may be the value of an option; a password may have spaces. */
const URLS = /[a-z][a-z0-9+.-]*:\/\/[\s\S]+/i;

export async function runService(service: CommandService, logger: ProcessLogger): Promise<number> {
  // taken now: pools in this process redirect later prints to the log
  const print = process.stdout.write.bind(process.stdout);
  const say = (line: string) => void print(`${line}\n`);
  const shutdown = new Shutdown(service.name, {
    stop: (how, onKill) => service.stop(how, onKill),
    say: service.isPlain ? () => {} : say,
    exit: code => process.exit(code),
  });
  // for the rest of this process
  watchStrayErrors({ onUnknown: error => logFatal(logger, error) });
  let isRestart = false;
  const restart = () => {
    // what was told to stop is not to come back
    if (shutdown.requested) return;
    say(`Restarting celery ${service.name} (${commandWords()})`);
    isRestart = true;
    shutdown.warm(EXIT.ok);
  };
  const stay = () => {
    isRestart = false;
  };
  const actions = {
    ...actionsOf(service, shutdown, stay),
    report: () => void report(service, logger),
    debugger: () => void toggleDebugger().then(text => logger.warning(text)),
    // a watcher starts us again itself
    ...(!startedBy?.watched && { restart }),
    ...(service.resize && { grow: () => service.resize!(1), shrink: () => service.resize!(-1) }),
  };
  const isOnTerminal = process.stdout.isTTY;
  const uninstall = installHeld(remapTerm(handlersOf(actions, isOnTerminal)));
  void service.shutdownRequested.then(() => shutdown.warm(EXIT.ok));
  const code = await Promise.race([started(service), failed(service, logger), shutdown.done]);
  return isRestart ? await runAgain(uninstall) : code;
}

function actionsOf({ isPlain }: CommandService, shutdown: Shutdown, onSignal: () => void) {
  const actions = shutdown.actions(onSignal);
  if (!isPlain) return actions;
  return { ...actions, interrupt: () => (shutdown.requested ? actions.quit() : actions.stop()) };
}

async function report(service: CommandService, logger: ProcessLogger): Promise<void> {
  logger.warning(diagnostics('MainProcess', await service.activity()));
}

/** Settles only when the worker cannot start. */
async function started(service: CommandService): Promise<never> {
  await launched(service.name, async () => {
    await service.start();
    setTitle(service.title(commandWords()));
  });
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
  logger.critical(service.failureText?.(error) ?? `Unrecoverable error: ${text}`);
  await service.stop('now');
  return EXIT.failure;
}
