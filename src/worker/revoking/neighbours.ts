/**
 * Revoked tasks as nodes tell them to each other (`hello`): by id, `[moment, id]` with the moment
 * on the machine's clock that never jumps. Nodes of one machine understand each other's moments;
 * for those of other machines every task counts as revoked now.
 */
import { isPlainRecord } from '../../base/kind-of.ts';
import { KEPT_SECONDS, type RevokedTasks } from './revoked-tasks.ts';

type Told = Record<string, readonly [moment: number, id: string]>;

/** The clock that Python's `time.monotonic` reads. */
const machineTime = () => Number(process.hrtime.bigint()) / 1e9;

export function onTheWire(revoked: RevokedTasks): Told {
  const now = machineTime();
  return Object.fromEntries(
    Object.entries(revoked.record().ids).map(([id, age]) => [id, [now - age, id]]),
  );
}

/** Seconds since each was revoked. What is no such map tells nothing. */
export function agesOf(told: unknown, now: number = machineTime()): Record<string, number> {
  if (!isPlainRecord(told)) return {};
  return Object.fromEntries(
    Object.entries(told).map(([id, value]) => {
      const moment = Number(Array.isArray(value) ? value[0] : value);
      // nobody tells of the future, nor of what is too old to be kept: another machine's clock
      const isOurs = moment > now - KEPT_SECONDS && moment <= now;
      return [id, isOurs ? now - moment : 0];
    }),
  );
}

/** As Celery's callers say when two replies bear one name: commands and replies go astray. */
export function sharedName(node: string): string {
  return `DuplicateNodenameWarning: Another worker has the node name ${node}, too. Give each a name of its own (worker -n).`;
}
