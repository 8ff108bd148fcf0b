/** Calls of signatures: each message that a workflow begins with is one call. */
import { randomUUID } from 'node:crypto';
import type { ResultNode } from '../../canvas/freeze.ts';
import { plan } from '../../canvas/plan.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import { travelling } from '../signatures/call-options.ts';
import { partOf } from '../signatures/workflow-part.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';

export interface SignatureCalls {
  /** `reply_to` of what waits for its turn. */
  replyTo(): string;
  definition(name: string): TaskDefinition | undefined;
  call(call: Call): Promise<AsyncResult<unknown>>;
  result(node: ResultNode): AsyncResult<unknown>;
}

export class ApplySignature {
  readonly #calls: SignatureCalls;

  constructor(calls: SignatureCalls) {
    this.#calls = calls;
  }

  /** @throws InvalidTaskError for what is no task and no chain of tasks, or for an empty chain */
  async apply(
    signature: SignatureData,
    args: readonly unknown[],
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown>> {
    const { kwargs = {}, signal } = options;
    const ids = { newId: randomUUID, replyTo: this.#calls.replyTo() };
    const parts = { args, kwargs, options: travelling(options) };
    const { sends, result } = plan(signature, parts, ids);
    const [first, ...others] = sends;
    if (first === undefined || others.length > 0 || result === undefined) {
      throw new InvalidTaskError(`Not a task nor a chain of tasks: ${signature.task}`);
    }
    const sent = await this.#calls.call(this.#callOf(first, signal));
    return result.id === sent.id ? sent : this.#calls.result(result);
  }

  #callOf(send: SignatureData, signal: AbortSignal | undefined): Call {
    const { task, args } = send;
    const { options, part } = partOf(send);
    const definition = this.#calls.definition(task);
    return {
      ...{ task, args, definition, argsAsTuple: true, part },
      options: signal ? { ...options, signal } : options,
    };
  }
}
