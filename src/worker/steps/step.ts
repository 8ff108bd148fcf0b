import type { Service } from '../../base/service.ts';
import type { WorkerParts } from '../assembly.ts';

export interface Step extends Service {
  readonly name: string;
  /** What has to run before this starts, and until this has stopped. */
  readonly requires: readonly string[];
}

/** How a step is made of a worker's parts; undefined when its settings do not ask for it. */
export interface StepRow {
  readonly name: string;
  /** Names of rows. One whose step is not wanted counts as running. */
  readonly requires: readonly string[];
  create(parts: WorkerParts): Service | undefined;
}

export const NOTHING = async () => {};
