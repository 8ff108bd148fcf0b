/** Calls of signatures: each message that a workflow begins with is one call. */
import { randomUUID } from 'node:crypto';
import { type ResultNode, resultTuple } from '../../canvas/freeze.ts';
import { type Plan, plan } from '../../canvas/plan.ts';
import { sendPlan, type WorkflowStore } from '../../canvas/send-plan.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { currentTask } from '../../execute/task-context.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import { travelling } from '../signatures/call-options.ts';
import { partOf } from '../signatures/workflow-part.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';

export interface SignatureCalls {
  /** `reply_to` of what waits for its turn. */
  replyTo(): string;
  definition(name: string): TaskDefinition | undefined;
  call(call: Call): Promise<AsyncResult<unknown>>;
  result(node: ResultNode): AsyncResult<unknown> | GroupResult;
  /** Undefined where results are not kept for everybody. */
  store(): Promise<WorkflowStore | undefined>;
}

export class ApplySignature {
  readonly #calls: SignatureCalls;

  constructor(calls: SignatureCalls) {
    this.#calls = calls;
  }

  /** @throws InvalidTaskError for an empty chain, ImproperlyConfigured for a chord that nobody can count */
  async apply(
    signature: SignatureData,
    args: readonly unknown[],
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown> | GroupResult> {
    const { kwargs = {}, signal } = options;
    const ids = { newId: randomUUID, replyTo: this.#calls.replyTo() };
    const planned = plan(signature, { args, kwargs, options: travelling(options) }, ids);
    const { result } = planned;
    if (result === undefined) throw new InvalidTaskError('A chain without tasks cannot be called.');
    return this.#send(planned, result, signal);
  }

  async #send(planned: Plan, result: ResultNode, signal: AbortSignal | undefined) {
    const isOne = planned.sends.length === 1 && planned.chords.length === 0;
    let ofResult: AsyncResult<unknown> | undefined;
    await sendPlan(planned, {
      store: () => this.#calls.store(),
      send: async each => {
        const sent = await this.#calls.call(this.#callOf(each, signal, isOne));
        if (sent.id === result.id) ofResult = sent;
      },
    });
    if (!isOne) currentTask()?.request.children.push(resultTuple(result));
    return ofResult && !result.parent ? ofResult : this.#calls.result(result);
  }

  #callOf(send: SignatureData, signal: AbortSignal | undefined, addToParent: boolean): Call {
    const { task, args } = send;
    const { options, part } = partOf(send);
    return {
      ...{ task, args, definition: this.#calls.definition(task), argsAsTuple: true, part },
      options: {
        ...options,
        ...(signal && { signal }),
        ...(!addToParent && { addToParent }),
      },
    };
  }
}
