/** Starts and stops steps, each as soon as those before it let it. */
import type { WorkerParts } from '../assembly.ts';
import type { Step, StepRow } from './step.ts';

/** @throws Error for a row that requires one that does not stand above it */
export function createSteps(rows: readonly StepRow[], parts: WorkerParts): Step[] {
  const known = new Set<string>();
  return rows.flatMap(({ name, requires, create }) => {
    const missing = requires.find(each => !known.has(each));
    if (missing !== undefined) throw new Error(`step ${name}: ${missing} does not stand above it`);
    known.add(name);
    const service = create(parts);
    return service
      ? [{ name, requires, start: () => service.start(), stop: () => service.stop() }]
      : [];
  });
}

export class StepOrder {
  readonly #steps: readonly Step[];
  #stopping: Promise<void> | undefined;

  /** @param steps each below those that it requires */
  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** Resolves when all run. Rejects with the first error; call `stop` then. */
  async start(): Promise<void> {
    const started = new Map<string, Promise<void>>();
    for (const step of this.#steps) {
      const before = step.requires.map(name => started.get(name));
      started.set(step.name, this.#startAfter(before, step));
    }
    await Promise.all(started.values());
  }

  /**
   * Stops all, also those that have not started or are starting: the last first. Idempotent.
   * Rejects with the first error, when everything has stopped.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #startAfter(before: readonly (Promise<void> | undefined)[], step: Step): Promise<void> {
    await Promise.all(before);
    if (!this.#stopping) await step.start();
  }

  async #stopAll(): Promise<void> {
    const stopped = new Map<string, Promise<void>>();
    for (const step of [...this.#steps].reverse()) {
      const users = this.#steps.filter(({ requires }) => requires.includes(step.name));
      const before = users.map(({ name }) => stopped.get(name));
      stopped.set(
        step.name,
        Promise.allSettled(before).then(() => step.stop()),
      );
    }
    const ends = await Promise.allSettled(stopped.values());
    const failed = ends.find(end => end.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
