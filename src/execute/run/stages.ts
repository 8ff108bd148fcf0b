import type { ChordPart } from '../../backends/contract.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { TimeZone } from '../../base/time/time-zone.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { ChordPlace } from '../../canvas/unreached.ts';
import type { JobControl } from '../../pool/contract.ts';
import { readTaskBody, readTaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { Execution } from '../execution.ts';
import { label } from '../label.ts';
import type { FailureOutcome } from '../outcome.ts';
import { textOfThrown } from '../outcome-of.ts';
import { requestFromMessage } from '../request.ts';
import { outcomeMeta, startedMeta, updateMeta } from '../result-documents.ts';
import type { StateUpdate } from '../state-update.ts';
import { type Blame, type ContextHost, currentTask, TaskContext } from '../task-context.ts';
import { addToChord } from '../workflow/add-to-chord.ts';
import { complete } from '../workflow/chord-parts.ts';
import { readContinuation } from '../workflow/continuation.ts';
import { dispatchNext } from '../workflow/dispatch.ts';
import { dispatchReplacement } from '../workflow/replace.ts';
import { dispatchRetry } from '../workflow/retry.ts';

/** Of a run that no pool controls. */
export const NO_CONTROL: JobControl = { signal: new AbortController().signal, release() {} };

export function decode(x: Execution): void {
  x.headers = x.source.headers ?? readTaskHeaders(x.source.message, x.ports.accept);
  x.body = readTaskBody(x.source.message, x.ports.accept);
  x.continuation = readContinuation(x.body);
}

export function bindContext(x: Execution): void {
  x.request = requestFromMessage(x.source, x.headers, x.body, {
    hostname: x.ports.hostname,
    ignoreResult: x.headers.ignoreResult ?? x.task.ignoreResult,
  });
  x.context = new TaskContext(x.request, new ExecutionHost(x));
}

/** What a task's context reaches of its run; looked up only when the task asks. */
class ExecutionHost implements ContextHost {
  readonly #x: Execution;
  readonly caller: TaskContext | undefined;

  constructor(x: Execution) {
    this.#x = x;
    this.caller = x.source.isEager ? currentTask() : undefined;
  }

  get clock(): Clock {
    return this.#x.ports.clock;
  }

  get zone(): TimeZone | undefined {
    return this.#x.ports.zone;
  }

  get signal(): AbortSignal {
    return this.#x.control.signal;
  }

  get maxRetries(): number | null {
    return this.#x.task.maxRetries;
  }

  get defaultRetryDelay(): number {
    return this.#x.task.defaultRetryDelay;
  }

  get taskLog(): Logger | undefined {
    return this.#x.ports.taskLog;
  }

  waits(taskId: string | undefined): void {
    this.#x.control.waits?.(taskId);
  }

  addToChord(signature: SignatureData): Promise<string> {
    return addToChord(this.#x, signature);
  }

  completeChord(place: ChordPlace, parts: readonly ChordPart[]): Promise<void> {
    return complete(this.#x, place, parts);
  }

  sendEvent(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#x.ports.sendEvent?.(type, fields);
  }

  async updateState(update: StateUpdate): Promise<void> {
    const { ports, control, wasCutShort } = this.#x;
    if (ports.storesResults && !control.isAbandoned && !wasCutShort)
      await keep(this.#x, updateMeta(this.#x, update));
  }

  blame(thrown: unknown): Blame | undefined {
    const x = this.#x;
    if (x.control === NO_CONTROL) return undefined;
    const { logger } = x.ports;
    const fields = { task: x.headers.task, task_id: x.headers.id };
    if (x.cutShort && !x.control.isAbandoned) {
      logger.warning(`Task ${label(x)} ends with an error that nothing caught`, fields);
      x.cutShort(thrown);
      return 'failed';
    }
    logger.error(
      `Task ${label(x)} had ended when nothing caught its error: ${textOfThrown(thrown)}`,
      fields,
    );
    return 'ended';
  }
}

export function markStarted(x: Execution): Promise<void> | undefined {
  if (!x.task.trackStarted || x.request.ignoreResult || !x.ports.storesResults) return;
  return keep(x, startedMeta(x)).catch((error: Error) => {
    // no reason not to do the work
    x.ports.logger.error(`Task ${label(x)}: its start was not stored: ${error.message}`);
  });
}

export function dispatch(x: Execution): Promise<void> | undefined {
  if (x.outcome.kind === 'retry') return dispatchRetry(x, x.outcome.retry.plan);
  if (x.outcome.kind === 'ignore') {
    const { replacement } = x.outcome;
    return replacement && dispatchReplacement(x, replacement);
  }
  return dispatchNext(x);
}

export function keep(x: Execution, meta: ResultMeta): Promise<void> {
  return x.ports.store(meta, x.headers.replyTo);
}

export function store(x: Execution): Promise<void> | undefined {
  if (!x.ports.storesResults || x.outcome.kind === 'ignore' || x.outcome.kind === 'reject') return;
  const wanted =
    !x.request.ignoreResult || (x.outcome.kind === 'failure' && x.task.storeErrorsEvenIfIgnored);
  return wanted ? keep(x, outcomeMeta(x, x.outcome)) : undefined;
}

export async function storeInternalFailure(x: Execution, outcome: FailureOutcome): Promise<void> {
  if (!x.ports.storesResults || !x.headers) return;
  try {
    await keep(x, outcomeMeta(x, outcome));
  } catch (storeError) {
    x.ports.logger.critical(
      `Task ${label(x)}: the failure could not be stored: ${exceptionRepr(storeError)}`,
    );
  }
}
