/**
 * What a process knows of the tscelery process that started it in its own place: for a restart,
 * in the background, or to watch over it. Travels in one environment variable, which is
 * taken out at once so that tasks and their processes do not inherit it.
 */

export interface StartedBy {
  /** Process that started this one. It keeps the pidfile unless this one runs detached. */
  readonly pid: number;
  /** This process, or the one it replaces, was put into the background. */
  readonly detached?: boolean;
  /** File descriptor on which the starter waits for news. */
  readonly reportTo?: number;
  /** File descriptor that closes when the starter ends. */
  readonly lifeline?: number;
  /** The starter watches source files and starts us again when they change. */
  readonly watched?: boolean;
}

const VARIABLE = 'TSCELERY_STARTED_BY';

/** Undefined for a process that a person or an init system started. */
export const startedBy: StartedBy | undefined = take();

function take(): StartedBy | undefined {
  const text = process.env[VARIABLE];
  delete process.env[VARIABLE];
  return text ? (JSON.parse(text) as StartedBy) : undefined;
}

/** The environment for a process that is started in place of this one. */
export function environmentFor(lineage: StartedBy): NodeJS.ProcessEnv {
  return { ...process.env, [VARIABLE]: JSON.stringify(lineage) };
}

/** `--workdir` may have changed it since; a relative one must not be applied twice. */
export const START_DIRECTORY = process.cwd();

/** What follows the program's name to run the same command again. */
export function sameCommand(): string[] {
  return [...process.execArgv, ...process.argv.slice(1)];
}
