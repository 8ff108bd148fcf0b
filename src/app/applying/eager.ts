/**
 * Running a task where it is called, with everything a worker does around it.
 *
 * The call becomes a message and is read again, so arguments that would not survive the way to
 * a worker do not survive here either.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { SignatureRoute } from '../../canvas/signature.ts';
import type { Execution } from '../../execute/execution.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { outcomeMeta } from '../../execute/result-documents.ts';
import { executeTask } from '../../execute/run/run-task.ts';
import { buildTaskMessage, type TaskCall } from '../../wire/messages/task-message.ts';
import * as states from '../../wire/results/states.ts';
import type { EagerOutcome } from '../results/eager-result.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { NotRegistered } from '../tasks/errors.ts';

const STATE_OF = { retry: 'RETRY', ignore: 'IGNORED', reject: 'REJECTED' } as const;

export interface EagerPorts extends ExecutionPorts {
  definition(name: string): TaskDefinition | undefined;
  /** `task_always_eager`: what follows a task runs here, too. */
  readonly isEverythingHere: boolean;
}

/** One task with all that runs here because of it. */
export function runEagerly(
  definition: TaskDefinition,
  call: TaskCall,
  ports: EagerPorts,
): Promise<EagerOutcome> {
  return new EagerRun(ports).run({ definition, call, isHere: ports.isEverythingHere });
}

interface Step {
  readonly definition: TaskDefinition;
  readonly call: TaskCall;
  /** Whether what follows it runs here. */
  readonly isHere: boolean;
}

class EagerRun {
  readonly #ports: EagerPorts;
  /** By id, of what has ended. */
  readonly #ends = new Map<string, EagerOutcome>();

  constructor(ports: EagerPorts) {
    this.#ports = ports;
  }

  async run(step: Step): Promise<EagerOutcome> {
    const { id } = step.call;
    for (let next = step; ; ) {
      let again: TaskCall | undefined;
      const x: Execution = await executeTask(
        next.definition,
        {
          ...{ message: buildTaskMessage(next.call), exchange: '', routingKey: '' },
          ...{ redelivered: false, isEager: true },
        },
        {
          ...this.#ports,
          publish: async (published, route) => {
            // no waiting: an eager retry follows at once, as in Celery; so does a task in its place
            if (published.id === id) again = { ...published, eta: null };
            else await this.#publish(published, route, next);
          },
        },
      );
      if (!again) return this.#end(x, next.call);
      const definition = again.task === next.call.task ? next.definition : this.#known(again.task);
      next = { ...next, definition, call: again };
    }
  }

  /** A workflow in the place of the task has ended before, with its id. */
  #end(x: Execution, call: TaskCall): EagerOutcome {
    const outcome = this.#ends.get(call.id) ?? outcomeOf(x, call);
    this.#ends.set(call.id, outcome);
    return outcome;
  }

  /** What runs in the place of a task runs where that does. */
  async #publish(call: TaskCall, route: SignatureRoute, before: Step): Promise<void> {
    const nesting = (one: TaskCall) => one.replacedTaskNesting ?? 0;
    const isHere = before.isHere || nesting(call) > nesting(before.call);
    const definition = this.#ports.definition(call.task);
    if (isHere && (definition || !this.#ports.isEverythingHere)) {
      await this.run({ definition: definition ?? this.#known(call.task), call, isHere });
      return;
    }
    if (call.chord) throw new ImproperlyConfigured(UNCOUNTED);
    await this.#ports.publish(call, route);
  }

  #known(name: string): TaskDefinition {
    const definition = this.#ports.definition(name);
    if (definition) return definition;
    throw new NotRegistered(name);
  }
}

const UNCOUNTED =
  'A chord cannot follow a task that runs here, since its parts, which are sent, are counted here: use applyAsync, or task_always_eager with all of its tasks.';

function outcomeOf(x: Execution, { id }: TaskCall): EagerOutcome {
  const { outcome, request } = x;
  if (outcome.kind === 'success') {
    return { id, state: states.SUCCESS, value: outcome.value, meta: outcomeMeta(x, outcome) };
  }
  if (outcome.kind === 'failure') {
    return { id, state: states.FAILURE, value: outcome.error, meta: outcomeMeta(x, outcome) };
  }
  const state = STATE_OF[outcome.kind];
  const children = request?.children ?? [];
  const nothing = { result: null, traceback: null, date_done: null };
  return {
    id,
    state,
    value: undefined,
    meta: { task_id: id, status: state, children, ...nothing },
  };
}

/** For calls in a process that has no worker's log. */
export const SILENT: Logger = {
  isEnabledFor: () => false,
  log() {},
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
};
