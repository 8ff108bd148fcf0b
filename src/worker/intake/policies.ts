import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import type { Settings } from '../../app/settings/settings.ts';
import { DurableRevokes } from '../../control/durable-revokes.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import type { DeadLetters } from '../dead-letters.ts';
import type { Request } from '../request.ts';
import type { RevokedTasks } from '../revoking/revoked-tasks.ts';
import { StoredRevokes } from '../revoking/stored-revokes.ts';
import { deliveryLimit } from './delivery-limit.ts';
import { EtaParking } from './eta-parking.ts';
import type { Judge } from './judge.ts';
import type { LostAcks } from './lost-acks.ts';
import { RateLimits } from './rate-limits.ts';
import { SuccessfulTasks } from './successful-tasks.ts';
import { UnknownTasks } from './unknown-tasks.ts';

export interface IntakePolicies {
  readonly rateLimits?: RateLimits | undefined;
  readonly successful?: SuccessfulTasks | undefined;
  readonly unknown?: UnknownTasks | undefined;
  readonly deadLetters?: DeadLetters | undefined;
  readonly parking?: EtaParking | undefined;
  readonly lostAcks: LostAcks;
  readonly revoked: RevokedTasks;
  /** Those that are not to run as the result store says. */
  readonly storedRevokes?: StoredRevokes | undefined;
  /** Those that refuse messages; each is asked of every message. */
  readonly judges: readonly Judge[];
}

export interface PolicyPorts {
  readonly execution: ExecutionPorts;
  readonly revoked: RevokedTasks;
  readonly lostAcks: LostAcks;
  readonly deadLetters: DeadLetters | undefined;
  onUnknown(count: number): void;
  /** The rate limit of the request's task lets it go on. `isLate`: from a timer. */
  release(request: Request, isLate: boolean): void;
}

export async function createPolicies(app: Celery, ports: PolicyPorts): Promise<IntakePolicies> {
  const { conf, clock } = app;
  const { logger, zone } = ports.execution;
  const after = conf.get('worker_park_eta_after');
  return {
    revoked: ports.revoked,
    lostAcks: ports.lostAcks,
    judges: judgesOf(conf),
    deadLetters: ports.deadLetters,
    ...(after !== null && { parking: new EtaParking({ after, logger, clock, zone }) }),
    ...(!conf.get('worker_disable_rate_limits') && {
      rateLimits: new RateLimits(clock, (request, isLate) => ports.release(request, isLate)),
    }),
    ...(conf.get('task_durable_revokes') && {
      storedRevokes: new StoredRevokes({
        store: new DurableRevokes(await app[INTERNALS].backend()),
        ...{ revoked: ports.revoked, logger, clock },
      }),
    }),
    ...(conf.get('worker_deduplicate_successful_tasks') && {
      successful: new SuccessfulTasks(await app[INTERNALS].backend(), clock),
    }),
    ...(conf.get('worker_unknown_task') === 'requeue' && {
      unknown: new UnknownTasks(clock, count => ports.onUnknown(count)),
    }),
  };
}

function judgesOf(conf: Settings): Judge[] {
  const deliveries = conf.get('worker_max_deliveries');
  return [...(deliveries ? [deliveryLimit(deliveries)] : [])];
}
