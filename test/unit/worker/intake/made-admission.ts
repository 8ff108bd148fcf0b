/** An admission with its policies, before a line that notes what comes. */
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import type { TaskDefinition } from '../../../../src/app/tasks/definition.ts';
import { Celery } from '../../../../src/index.ts';
import type { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { Announcer } from '../../../../src/worker/announcer.ts';
import { Admission } from '../../../../src/worker/intake/admission.ts';
import { deliveryLimit } from '../../../../src/worker/intake/delivery-limit.ts';
import { LostAcks } from '../../../../src/worker/intake/lost-acks.ts';
import type { IntakePolicies } from '../../../../src/worker/intake/policies.ts';
import { RateLimits } from '../../../../src/worker/intake/rate-limits.ts';
import { Refusals } from '../../../../src/worker/intake/refusals.ts';
import { Unwanted } from '../../../../src/worker/intake/unwanted.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import {
  definitionOf,
  type Made,
  MadeDelivery,
  messageFor,
  notedExecution,
  turn,
} from '../made-requests.ts';

/** Of a worker that knows the task `t.add`, with these options, and the code of `t.far` elsewhere. */
export function admissionOf(
  options: TaskOptions = {},
  more: (clock: FakeClock) => Partial<IntakePolicies> = () => ({}),
) {
  const { execution, clock, lines, statuses } = notedExecution();
  const state = new WorkerState();
  const revoked = new RevokedTasks(clock);
  const lostAcks = new LostAcks(clock);
  const noted: string[] = [];
  const counts: number[] = [];
  const requests: Request[] = [];
  const line = {
    isReady: true,
    reserve(request: Request) {
      requests.push(request);
      noted.push(`${request.id} ${request.state}`);
    },
    pump: () => void noted.push('pump'),
  };
  const announcer = new Announcer([
    { received: ({ id }, queue) => void noted.push(`${id} from ${queue}`) },
    { revoked: ({ id }, { reason }) => void noted.push(`${id} ${reason}`) },
    { refused: (_, { name }) => void noted.push(name) },
    { unknown: (_, { task }) => void noted.push(`unknown ${task}`) },
  ]);
  const rateLimits = new RateLimits(clock, (request, isLate) => {
    line.reserve(request);
    if (isLate) line.pump();
  });
  const policies = { revoked, lostAcks, rateLimits, judges: [deliveryLimit(5)], ...more(clock) };
  const refusals = new Refusals(execution, announcer, policies);
  const settle = (settled: Promise<unknown>) => refusals.settle(settled);
  const unwanted = new Unwanted(state, execution, { announcer, revoked, settle });
  const tasks = new Map<string, { definition: TaskDefinition }>([
    ['t.add', { definition: definitionOf('t.add', options) }],
    ['t.far', new Celery('proj').remoteTask('t.far')],
  ]);
  const definition = (name: string) => tasks.get(name)?.definition;
  const admission = new Admission(
    { state, execution },
    { definition, line, onScheduled: count => void counts.push(count), announcer },
    policies,
    { refusals, unwanted },
  );
  const made = (call: Partial<TaskCall> = {}, how: Made = {}) =>
    new MadeDelivery({ message: messageFor(call), ...how });
  /** A message comes, alone, and what follows from it has happened. */
  const receive = async (call: Partial<TaskCall> = {}, how: Made = {}) => {
    const delivery = made(call, how);
    admission.receiveAll([delivery]);
    await turn();
    return delivery;
  };
  return {
    ...{ admission, made, receive, line, state, revoked, lostAcks, unwanted },
    ...{ clock, lines, statuses, noted, counts, requests },
  };
}
