/**
 * Workflows that run where they are called, part by part, with the ids and the results that workers
 * would give them: a step that fails fails those after it, and a chord whose header fails its body.
 */
import { randomUUID } from 'node:crypto';
import { freeze } from '../../canvas/freeze.ts';
import { link, linkError } from '../../canvas/links.ts';
import { merged } from '../../canvas/merge.ts';
import {
  bodyOf,
  chunksGroup,
  headerOf,
  isKind,
  lazyPartsOf,
  tasksOf,
} from '../../canvas/shapes.ts';
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { ChordError } from '../../execute/errors.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import { encodeException, exceptionRepr } from '../../wire/results/exception.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import { EagerResult } from '../results/eager-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import { LEAF, leavesOf, type ResultHandle } from '../results/handle.ts';
import { hasFailed } from '../results/leaf.ts';
import type { Handles } from '../results/result-set.ts';
import { travelling } from '../signatures/call-options.ts';
import { partOf } from '../signatures/workflow-part.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { NotRegistered } from '../tasks/errors.ts';
import type { KnownCall } from '../tasks/task.ts';
import { checkLinks } from './apply-signature.ts';

type Args = readonly unknown[];
type Kwargs = Readonly<Record<string, unknown>>;
type Handle = EagerResult | GroupResult;

export interface EagerPorts {
  replyTo(): string;
  definition(name: string): TaskDefinition | undefined;
  /** `task_eager_propagates`. */
  throws(): boolean;
  run(
    call: KnownCall,
    options: Pick<EagerOptions, 'throw' | 'retries'>,
    parent: ResultHandle | undefined,
  ): Promise<EagerResult>;
  fromTuple(tuple: unknown): ResultHandle;
  group(
    id: string,
    results: Handles<readonly unknown[]>,
    options: { readonly parent?: ResultHandle | undefined },
  ): GroupResult;
}

/** How one part of a workflow is called. */
interface Part {
  readonly args: Args;
  readonly kwargs: Kwargs;
  /** The result of what came before it. */
  readonly parent: ResultHandle | undefined;
  /** Ids that are handed down. */
  readonly rootId: string | undefined;
  readonly parentId: string | undefined;
  /** Of the group that it is in. */
  readonly groupId?: string | undefined;
  /** Of the first task, for a run that should think it is not the first. */
  readonly retries?: number | undefined;
}

const ALONE = { kwargs: {}, parent: undefined, rootId: undefined, parentId: undefined };

export class EagerCanvas {
  readonly #ports: EagerPorts;

  constructor(ports: EagerPorts) {
    this.#ports = ports;
  }

  /**
   * @throws NotRegistered for a task whose code is elsewhere, InvalidTaskError for an empty chain,
   *   and with `throw` what the workflow fails with
   */
  async apply(
    signature: SignatureData,
    args: Args,
    options: ApplyOptions & EagerOptions,
  ): Promise<Handle> {
    checkLinks(signature, options);
    await lazyPartsOf(signature)?.all();
    const { kwargs = {}, throw: throws = this.#ports.throws(), retries, ...others } = options;
    const given = withCall(signature, others);
    const ids = { newId: randomUUID, replyTo: this.#ports.replyTo() };
    const { signature: frozen } = freeze(given, { id: options.taskId }, ids);
    const result = await this.#run(frozen, { ...ALONE, args, kwargs, retries });
    if (throws) await result.get();
    return result;
  }

  #run(signature: SignatureData, part: Part): Promise<Handle> {
    if (isKind(signature, 'chain')) return this.#chain(signature, part);
    if (isKind(signature, 'group')) return this.#group(signature, part);
    if (isKind(signature, 'chord')) return this.#chord(signature, part);
    if (isKind(signature, 'chunks')) return this.#group(chunksGroup(signature), part);
    return this.#task(signature, part);
  }

  #task(signature: SignatureData, given: Part): Promise<EagerResult> {
    const { args, kwargs, parent, rootId, parentId, groupId, retries } = given;
    const send = merged(signature, { args, kwargs });
    const { options, part } = partOf(send);
    const call = {
      ...{ task: send.task, args: send.args, argsAsTuple: true },
      definition: this.#definition(send.task),
      // nobody counts here
      part: { ...part, groupId: part.groupId ?? groupId, chord: undefined },
      options: { ...(rootId && { rootId }), ...(parentId && { parentId }), ...options },
    };
    return this.#ports.run(call, { throw: false, ...(retries && { retries }) }, parent);
  }

  #definition(name: string): TaskDefinition {
    const definition = this.#ports.definition(name);
    if (definition) return definition;
    throw new NotRegistered(name);
  }

  async #chain(chain: SignatureData, part: Part): Promise<Handle> {
    const own = chain.immutable ? [] : [...part.args, ...chain.args];
    const { groupId } = part;
    let next: Part = { ...part, args: own };
    let last: Handle | undefined;
    const steps = tasksOf(chain);
    for (const [i, step] of steps.entries()) {
      if (last && isOver(last)) return last;
      const failed = last && failureOf(last);
      // as the whole it is one member of a group, by its last step
      const place = { ...next, groupId: i === steps.length - 1 ? groupId : undefined };
      last = failed ? this.#fail(step, failed, last!) : await this.#run(step, place);
      next = await after(last, next);
    }
    if (!last) throw new InvalidTaskError('A chain without tasks cannot be called.');
    return last;
  }

  async #group(group: SignatureData, part: Part): Promise<GroupResult> {
    const groupId = group.options.task_id as string;
    const results: Handle[] = [];
    for (const member of tasksOf(group)) {
      results.push(await this.#run(member, { ...part, groupId, parent: undefined }));
    }
    return this.#groupResult(group, results, part.parent);
  }

  async #chord(chord: SignatureData, part: Part): Promise<Handle> {
    const group = chord.kwargs.header as SignatureData;
    const given = chord.immutable ? { ...part, args: [], kwargs: {} } : part;
    const header = await this.#group(group, given);
    const body = bodyOf(chord);
    const failed = failureOf(header);
    if (failed) return this.#fail(body, dependencyError(failed), header);
    return this.#run(body, { ...(await after(header, given)), groupId: part.groupId });
  }

  /** What nobody ran, since something before it has failed. */
  #fail(signature: SignatureData, failure: Failure, parent: ResultHandle): Handle {
    if (isKind(signature, 'chain')) {
      const fail = (before: ResultHandle, step: SignatureData) => this.#fail(step, failure, before);
      return tasksOf(signature).reduce(fail, parent) as Handle;
    }
    if (isKind(signature, 'chord')) {
      const header = this.#failAll(signature, headerOf(signature), { failure, parent });
      return this.#fail(bodyOf(signature), failure, header);
    }
    if (isKind(signature, 'group')) {
      return this.#failAll(signature, tasksOf(signature), { failure, parent });
    }
    const { task, options } = signature;
    const id = options.task_id as string;
    const meta = { ...failure.meta, task_id: id, children: [] };
    const outcome = { id, state: states.FAILURE, value: failure.error, meta };
    return new EagerResult(task, outcome, this.#ports.fromTuple, parent);
  }

  #failAll(
    whole: SignatureData,
    parts: readonly SignatureData[],
    { failure, parent }: { failure: Failure; parent: ResultHandle },
  ): GroupResult {
    const results = parts.map(part => this.#fail(part, failure, parent));
    return this.#groupResult(whole, results, parent);
  }

  #groupResult(group: SignatureData, results: readonly Handle[], parent?: ResultHandle) {
    const id = group.options.task_id as string;
    return this.#ports.group(id, results as Handles<readonly unknown[]>, { parent });
  }
}

/** A failure, as those who wait for what will not run get it. */
interface Failure {
  readonly id: string;
  readonly error: unknown;
  readonly meta: ResultMeta;
}

/** Of the first task in it that has failed. */
function failureOf(handle: Handle): Failure | undefined {
  const failed = leavesOf(handle).find(({ final }) => final && hasFailed(final));
  return failed && { id: failed.id, error: failed.value(false), meta: failed.final! };
}

/** Ignored or rejected: nothing follows it, and nothing fails. */
function isOver(handle: Handle): boolean {
  const status = (handle as ResultHandle)[LEAF]?.final?.status;
  return status !== undefined && status !== states.SUCCESS && !hasFailed({ status });
}

function dependencyError({ id, error, meta }: Failure): Failure {
  const text = `Dependency ${id} raised ${exceptionRepr(error)}`;
  const failure = new ChordError(text, { cause: error });
  return { id, error: failure, meta: { ...meta, result: encodeException(failure) } };
}

/** How what comes after it is called. */
async function after(handle: Handle, { rootId }: Part): Promise<Part> {
  if (isOver(handle) || failureOf(handle)) return { ...ALONE, args: [], parent: handle };
  const id = leavesOf(handle).at(-1)?.id;
  return {
    args: [await handle.get()],
    kwargs: {},
    parent: handle,
    rootId: rootId ?? id,
    parentId: id,
  };
}

/** With what the call links to it, and the options that one task has. */
function withCall(signature: SignatureData, options: ApplyOptions): SignatureData {
  const { taskId: _, signal: __, link: ___, linkError: ____, ...others } = options;
  const { link: callbacks = [], link_error: errbacks = [] } = travelling(options) as Links;
  const called = callbacks.map(readSignature).reduce(link, signature);
  const linked = errbacks.map(readSignature).reduce((each, one) => linkError(each, one), called);
  if (signature.subtask_type !== null) return linked;
  return merged(linked, { options: travelling(others) });
}

interface Links {
  readonly link?: readonly unknown[];
  readonly link_error?: readonly unknown[];
}
