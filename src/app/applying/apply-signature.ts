/** Calls of signatures: each message that a workflow begins with is one call. */
import { randomUUID } from 'node:crypto';
import { freeze, type Place, type ResultNode, resultTuple } from '../../canvas/freeze.ts';
import { type Plan, plan } from '../../canvas/plan.ts';
import { MOST_AT_ONCE, type PlanStore, sendPlan } from '../../canvas/send-plan.ts';
import { lazyPartsOf } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { PackingOptions } from '../../canvas/stored.ts';
import { currentTask } from '../../execute/task-context.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { AsyncResult, ResultOptions } from '../results/async-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import type { ResultHandle } from '../results/handle.ts';
import type { Handles } from '../results/result-set.ts';
import { travelling } from '../signatures/call-options.ts';
import { partOf } from '../signatures/workflow-part.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { applyStream, type Handle, type Sending } from './apply-stream.ts';

export interface SignatureCalls {
  /** `reply_to` of what waits for its turn. */
  replyTo(): string;
  /** Undefined when the settings are there. */
  loading(): Promise<void> | undefined;
  packing(): PackingOptions | undefined;
  definition(name: string): TaskDefinition | undefined;
  call(call: Call): Promise<AsyncResult<unknown>>;
  result(id: string, options: ResultOptions): AsyncResult<unknown>;
  group(
    id: string,
    results: Handles<readonly unknown[]>,
    options: { readonly parent?: ResultHandle | undefined },
  ): GroupResult;
  /** Undefined where results are not kept for everybody. */
  store(): Promise<PlanStore | undefined>;
}

interface SendingOptions {
  readonly signal: AbortSignal | undefined;
  readonly addToParent: boolean;
  /** Note which have no result: what is sent may be too much to note anything of it. */
  readonly keepsIgnored: boolean;
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
  ): Promise<Handle> {
    checkLinks(signature, options);
    const loading = this.#calls.loading();
    if (loading) await loading;
    const { kwargs = {}, signal } = options;
    const call = { args, kwargs, options: travelling(options) };
    const lazy = lazyPartsOf(signature);
    if (lazy && (await lazy.exceeds(MOST_AT_ONCE))) {
      return applyStream(signature, call, {
        ...{ lazy, ids: this.#ids },
        sending: keepsIgnored => this.#sending({ signal, keepsIgnored, addToParent: false }),
      });
    }
    const planned = plan(signature, call, this.#ids);
    const { result } = planned;
    if (result === undefined) throw new InvalidTaskError('A chain without tasks cannot be called.');
    return this.#send(planned, result, signal);
  }

  /** The same signature with its ids, and the handle of what will come of it. */
  freeze(signature: SignatureData, place: Place) {
    const frozen = freeze(signature, place, this.#ids);
    return {
      signature: frozen.signature,
      result: this.#handle(frozen.result, new Set()),
    };
  }

  get #ids() {
    const { replyTo, packing } = this.#calls;
    return { newId: randomUUID, replyTo: replyTo(), packing: packing() };
  }

  async #send(planned: Plan, result: ResultNode, signal: AbortSignal | undefined) {
    const isOne = planned.sends.length === 1 && planned.chords.length === 0;
    const sending = this.#sending({ signal, keepsIgnored: true, addToParent: isOne });
    await sending.send(planned);
    if (!isOne) currentTask()?.request.children.push(resultTuple(result));
    return sending.handle(result);
  }

  #sending({ signal, keepsIgnored, addToParent }: SendingOptions): Sending {
    const ignored = new Set<string>();
    let only: AsyncResult<unknown> | undefined;
    const store = () => this.#calls.store();
    const send = async (each: SignatureData) => {
      const sent = await this.#calls.call(this.#callOf(each, signal, addToParent));
      if (addToParent) only = sent;
      if (keepsIgnored && sent.ignored) ignored.add(sent.id);
    };
    return {
      send: planned => sendPlan(planned, { store, send }),
      store,
      // of one that has run here it has the result
      handle: node => (only?.id === node.id ? only : this.#handle(node, ignored)),
    };
  }

  /** @param ignored those that no result comes of */
  #handle(node: ResultNode, ignored: ReadonlySet<string>): Handle {
    const parent = node.parent && this.#handle(node.parent, ignored);
    if (!node.members) {
      return this.#calls.result(node.id, { parent, ignored: ignored.has(node.id) });
    }
    const members = node.members.map(member => this.#handle(member, ignored));
    return this.#calls.group(node.id, members as Handles<readonly unknown[]>, { parent });
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

/** Of a group it would be unclear what they follow. */
export function checkLinks(
  { subtask_type: type }: SignatureData,
  { link, linkError }: Pick<ApplyOptions, 'link' | 'linkError'>,
): void {
  if (type !== 'group' || (link === undefined && linkError === undefined)) return;
  const name = link === undefined ? 'linkError' : 'link';
  throw new TypeError(
    `A group cannot be called with the option ${name}: link its members with group.${name}(…), or let one call follow all of them with chord(group, call).`,
  );
}
