import type { Logger } from '../../base/logger.ts';
import type { Request } from '../request.ts';

export interface AwaitingTasksPorts {
  places(): number;
  request(jobId: number): Request | undefined;
  /** Whether a task of this id is held here and has not started. */
  isStuckHere(taskId: string): boolean;
}

const MOST_SHOWN = 5;

/**
 * Warns when every place of the pool is taken by a task that waits for the result of another
 * one: if that one has to run here, both wait for ever. Once for each name of a task.
 */
export class AwaitingTasks {
  readonly #logger: Logger;
  readonly #ports: AwaitingTasksPorts;
  /** By job: the id of the task that it has long been waiting for. */
  readonly #awaited = new Map<number, string>();
  readonly #warned = new Set<string>();

  constructor(logger: Logger, ports: AwaitingTasksPorts) {
    this.#logger = logger;
    this.#ports = ports;
  }

  /** The job has waited for long for this task; undefined: it goes on. */
  note(jobId: number, taskId: string | undefined): void {
    if (taskId === undefined) {
      this.#awaited.delete(jobId);
      return;
    }
    this.#awaited.set(jobId, taskId);
    this.#forgetEnded();
    if (this.#awaited.size >= this.#ports.places()) this.#warn();
  }

  /** A job that was killed does not say that its wait is over. */
  #forgetEnded(): void {
    for (const jobId of this.#awaited.keys()) {
      if (this.#ports.request(jobId) === undefined) this.#awaited.delete(jobId);
    }
  }

  #warn(): void {
    const waits = [...this.#awaited].map(([jobId, taskId]) => {
      const { headers, label } = this.#ports.request(jobId)!;
      return { name: headers.task, text: `${label} waits for ${taskId}` };
    });
    if (waits.every(({ name }) => this.#warned.has(name))) return;
    for (const { name } of waits) this.#warned.add(name);

    const places = this.#ports.places();
    const whole = places === 1 ? 'The only place' : `Each of the ${places} places`;
    const shown = waits.slice(0, MOST_SHOWN).map(({ text }) => text);
    if (waits.length > MOST_SHOWN) shown.push(`${waits.length - MOST_SHOWN} more`);
    const stuck = [...this.#awaited.values()].filter(id => this.#ports.isStuckHere(id)).length;
    const held =
      stuck === 0 ? '' : ` This worker holds ${stuck} of the awaited tasks and cannot start them.`;
    this.#logger.warning(
      `${whole} of this worker is taken by a task that waits for the result of another one: ` +
        `${shown.join(', ')}. Nothing else starts here meanwhile.${held} ` +
        'Send what comes next as a callback (link) instead of waiting, give the awaited tasks a ' +
        'queue and workers of their own, or run more tasks at once (-c, --slots).',
    );
  }
}
