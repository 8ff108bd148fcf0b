/** A command that runs until it is stopped, in the background or not: user, umask, pidfile. */
import type { Settings } from '../app/settings/settings.ts';
import type { SettingValues } from '../app/settings/tables/table.ts';
import { expandNodePath } from '../base/node-name.ts';
import { detach, reportToLauncher } from '../process/detach.ts';
import { EXIT } from '../process/exit-codes.ts';
import { Pidfile } from '../process/pidfile.ts';
import { dropPrivileges, umaskNumber } from '../process/privileges.ts';
import { startedBy } from '../process/started-by.ts';

/** Commands with the settings `<name>_pidfile`, `_uid`, `_gid`, `_umask`, `_executable` and `_logfile`. */
export type DaemonName = 'beat' | 'events' | 'worker';

type Part = 'executable' | 'gid' | 'logfile' | 'pidfile' | 'uid' | 'umask';

export class Daemon {
  /** For `%n` and `%h` in the names of files, so that nodes of one host have their own. */
  readonly node: string;
  readonly #conf: Settings;
  readonly #name: DaemonName;

  constructor(conf: Settings, name: DaemonName, node: string) {
    this.#conf = conf;
    this.#name = name;
    this.node = node;
  }

  /** Not when this is the process in the background already. */
  get isToDetach(): boolean {
    return !startedBy?.detached && !process.env.C_FAKEFORK;
  }

  /** Starts this command in the background. @returns the exit code of the launcher */
  async detach(): Promise<number> {
    const executable = this.#setting('executable');
    const logfile = this.#setting('logfile');
    // a file that we make as root the process could not write to
    const keepsUser = this.#setting('uid') === null && this.#setting('gid') === null;
    const { exitCode, text } = await detach({
      ...(executable !== null && { executable }),
      ...(logfile !== null && keepsUser && { outputFile: expandNodePath(logfile, this.node) }),
    });
    if (text !== '') process.stderr.write(`${text.trimEnd()}\n`);
    return exitCode;
  }

  /** @throws ImproperlyConfigured for users and groups that we may not become, and a umask that is none */
  begin(): void {
    const umask = this.#setting('umask');
    // one that is none is refused in the foreground too, where none is set
    const mask = umask === null ? undefined : umaskNumber(umask);
    if (startedBy?.detached && mask !== undefined) process.umask(mask);
    dropPrivileges(this.#setting('uid'), this.#setting('gid'));
  }

  /**
   * Undefined when no pidfile is wanted.
   *
   * @throws PidfileInUse when its process is alive, PidfileError when it cannot be written
   */
  takePidfile(): Pidfile | undefined {
    const path = this.#setting('pidfile');
    if (path === null) return undefined;
    const pidfile = new Pidfile(expandNodePath(path, this.node));
    pidfile.acquire(line => void process.stderr.write(`${line}\n`));
    return pidfile;
  }

  #setting<P extends Part>(part: P): SettingValues[`worker_${P}`] {
    return this.#conf.get(`${this.#name}_${part}` as `worker_${P}`);
  }
}

/** Seconds that the launcher of a command in the background waits for it. */
const LAUNCH_PATIENCE = 10;

/**
 * Does what a command does until it is ready. Whoever started it in the background hears then
 * that it is, or after a while that it goes on trying.
 */
export async function launched(name: string, start: () => Promise<unknown>): Promise<void> {
  const patience = setTimeout(() => {
    const text = `The ${name} runs in the background and is not ready yet; its log says more.`;
    reportToLauncher({ exitCode: EXIT.ok, text });
  }, LAUNCH_PATIENCE * 1000);
  try {
    await start();
  } finally {
    clearTimeout(patience);
  }
  reportToLauncher({ exitCode: EXIT.ok, text: '' });
}
