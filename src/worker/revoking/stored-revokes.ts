import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import { Occasionally } from '../../base/time/occasionally.ts';
import { within } from '../../base/time/within.ts';
import type { DurableRevokes } from '../../control/durable-revokes.ts';
import type { RevokedTasks } from './revoked-tasks.ts';

/** Seconds for the store to answer; a worker whose store is away must go on with its work. */
const PATIENCE = 5;

interface StoredRevokesPorts {
  readonly store: Pick<DurableRevokes, 'has' | 'keep'>;
  readonly revoked: RevokedTasks;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What was revoked while this worker could not hear of it, by the result store. */
export class StoredRevokes {
  readonly #ports: StoredRevokesPorts;
  readonly #missed: Occasionally;

  constructor(ports: StoredRevokesPorts) {
    this.#ports = ports;
    this.#missed = new Occasionally(ports.clock);
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
    let answer: T | undefined;
    try {
      const asked = work().then(value => {
        answer = value;
      });
      if (await within(PATIENCE, asked, clock)) return answer;
      this.#tell(what, `no answer within ${PATIENCE} s`);
    } catch (error) {
      this.#tell(what, (error as Error).message);
    }
    return undefined;
  }

  /** Every task asks it. */
  #tell(what: string, reason: string): void {
    if (this.#missed.count(1) === 0) return;
    this.#ports.logger.warning(`The result backend does not say or keep ${what}: ${reason}`);
  }
}
