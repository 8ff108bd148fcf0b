import { arm } from '../../backends/bounded.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { DurableRevokes } from '../../control/durable-revokes.ts';
import type { RevokedTasks } from './revoked-tasks.ts';

/** Seconds for the store to answer; a worker whose store is away must go on with its work. */
const PATIENCE = 5;
/** Seconds between two lines about a store that does not answer: every task asks it. */
const TELL_EVERY = 60;

interface StoredRevokesPorts {
  readonly store: Pick<DurableRevokes, 'has' | 'keep'>;
  readonly revoked: RevokedTasks;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What was revoked while this worker could not hear of it, by the result store. */
export class StoredRevokes {
  readonly #ports: StoredRevokesPorts;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(ports: StoredRevokesPorts) {
    this.#ports = ports;
  }

  /** The task counts as revoked from now on, if the store says so. Never rejects. */
  async learn(id: string): Promise<void> {
    const { store, revoked } = this.#ports;
    const isRevoked = await this.#tried(`whether ${id} is revoked`, () => store.has(id));
    if (isRevoked) revoked.add(id);
  }

  /** For the workers that do not hear of it. Never rejects: those that do hear are not kept waiting. */
  async keep(ids: readonly string[]): Promise<void> {
    const { store } = this.#ports;
    await this.#tried(`${ids.length} revoked tasks`, () => store.keep(ids));
  }

  async #tried<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { clock } = this.#ports;
    let disarm: (() => void) | undefined;
    const late = new Promise<never>((_, reject) => {
      disarm = arm({ timeout: PATIENCE, clock }, reject);
    });
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      this.#tell(what, error as Error);
      return undefined;
    } finally {
      disarm?.();
    }
  }

  #tell(what: string, { message }: Error): void {
    const { clock, logger } = this.#ports;
    if (clock.monotonic() - this.#toldAt < TELL_EVERY) return;
    this.#toldAt = clock.monotonic();
    logger.warning(`The result backend does not say or keep ${what}: ${message}`);
  }
}
