/** The periodic tasks of an app's code: those of its settings, and those that were added. */

import type { ResultBackend } from '../../backends/contract.ts';
import { keepsForEverybody } from '../../backends/keeps-for-everybody.ts';
import * as kinds from '../../base/option-kinds.ts';
import { checkOptions, type Kind, type Kinds } from '../../base/option-kinds.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { signatureText } from '../../canvas/text.ts';
import type { Entry } from '../../schedule-stores/entry.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import { crontab } from '../../schedules/crontab.ts';
import { isTask } from '../loading/brand.ts';
import type { PeriodicOptions } from '../options/beat-schedule.ts';
import { CALL } from '../options/option-checks.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { Settings } from '../settings/settings.ts';
import { keptOptions } from '../signatures/call-options.ts';
import { Signature } from '../signatures/signature.ts';
import { PERIODIC, readEntry } from './read-entry.ts';

/** How a periodic task is called and sent. */
export interface PeriodicTaskOptions extends PeriodicOptions, Omit<ApplyOptions, 'signal'> {
  /** Instead of the arguments of the signature. */
  readonly args?: readonly unknown[];
  /** Of the entry; the call as Python writes it when left out. */
  readonly name?: string;
}

export interface PeriodicTasksHost {
  readonly conf: Settings;
  context(): ScheduleContext;
  backend(): Promise<ResultBackend>;
  warn(message: string): void;
}

const OPTIONS: Kinds<PeriodicTaskOptions & ApplyOptions> = {
  ...CALL,
  ...(PERIODIC as Kinds<PeriodicOptions>),
  args: kinds.list,
  name: kinds.name,
};
const CLEANUP = 'celery.backend_cleanup';
/** Seconds. */
const CLEANUP_EXPIRES = 43_200;

const called: Kind = {
  words: 'a task or a signature',
  accepts: value => isTask(value) || value instanceof Signature,
};

export class PeriodicTasks {
  readonly #host: PeriodicTasksHost;
  readonly #added = new Map<string, Entry>();

  constructor(host: PeriodicTasksHost) {
    this.#host = host;
  }

  /** @returns the name of the entry */
  add(schedule: unknown, task: unknown, options: PeriodicTaskOptions = {}): string {
    kinds.checkArgument(task, called, 'What addPeriodicTask takes second');
    checkOptions(options, OPTIONS, 'addPeriodicTask');
    const { args, kwargs, name, ...others } = options;
    const { periodic, call } = divided(others);
    const signature = signatureOf(task);
    const given = args ?? signature.args;
    const entry = readEntry(
      name ?? signatureText({ ...signature, args: given, kwargs: kwargs ?? signature.kwargs }),
      {
        ...{ task: signature.task, schedule, ...periodic, args: given },
        kwargs: kwargs ?? signature.kwargs,
        options: { ...signature.options, ...keptOptions(call) },
      },
      this.#host.context(),
    );
    if (name === undefined && this.#added.has(entry.name)) {
      this.#host.warn(
        `addPeriodicTask was called twice for ${entry.name}: the second call takes the place of the first. Two entries need a name each.`,
      );
    }
    this.#added.set(entry.name, entry);
    return entry.name;
  }

  /**
   * All of them: those of `beat_schedule`, those that were added, and Celery's own.
   *
   * @throws ImproperlyConfigured naming an entry that is wrong
   */
  async entries(): Promise<readonly Entry[]> {
    const entries = new Map<string, Entry>();
    const { conf } = this.#host;
    const context = this.#host.context();
    for (const [name, value] of Object.entries(conf.get('beat_schedule'))) {
      entries.set(name, readEntry(name, value, context));
    }
    for (const [name, entry] of this.#added) {
      // the zone may have been set after it was added
      entries.set(name, { ...entry, schedule: entry.schedule.within(context) });
    }
    if (!entries.has(CLEANUP) && (await this.#isToCleanUp())) {
      const cleanup = { task: CLEANUP, schedule: crontab({ minute: '0', hour: '4' }) };
      const options = { expires: CLEANUP_EXPIRES };
      entries.set(CLEANUP, readEntry(CLEANUP, { ...cleanup, options }, context));
    }
    return [...entries.values()];
  }

  async #isToCleanUp(): Promise<boolean> {
    if (!this.#host.conf.get('result_expires')) return false;
    const backend = await this.#host.backend();
    return keepsForEverybody(backend) && backend.keepsExpired === true;
  }
}

function divided(options: object) {
  const isPeriodic = (key: string) => Object.hasOwn(PERIODIC, key);
  const rows = Object.entries(options);
  return {
    periodic: Object.fromEntries(rows.filter(([key]) => isPeriodic(key))),
    call: Object.fromEntries(rows.filter(([key]) => !isPeriodic(key))),
  };
}

function signatureOf(task: unknown): SignatureData {
  if (task instanceof Signature) return task;
  return (task as { s(): SignatureData }).s();
}
