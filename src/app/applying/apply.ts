/**
 * What becomes of a call, from its arguments to the handle of its result: published, run eagerly
 * with everything a worker does around it, or just called.
 */
import { bounded } from '../../backends/bounded.ts';
import { keepsForEverybody } from '../../backends/keeps-for-everybody.ts';
import type { Place } from '../../canvas/freeze.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { checkTaskName } from '../app-options.ts';
import { checkCall, checkEagerCall } from '../options/option-checks.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import { EagerResult } from '../results/eager-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import type { ResultHandle, ResultHost } from '../results/handle.ts';
import { ResultHandles } from '../results/handles.ts';
import { signatureOf } from '../signatures/kinds.ts';
import type { AnySignature } from '../signatures/signature.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { callDirectly } from '../tasks/direct-call.ts';
import type { Args, KnownCall, TaskHost } from '../tasks/task.ts';
import { ApplySignature } from './apply-signature.ts';
import { runEagerly } from './eager.ts';
import { EagerCanvas } from './eager-canvas.ts';
import { AppExecutionPorts, type ExecutionPortsHost, packingOf } from './execution-ports.ts';

export interface ApplyHost extends ExecutionPortsHost, Omit<ResultHost, 'fromTuple'> {
  /**
   * Reads the settings when that was not done; undefined otherwise, which saves calls a promise.
   */
  loading(): Promise<void> | undefined;
}

export class Apply implements TaskHost {
  readonly ports: AppExecutionPorts;
  readonly results: ResultHandles;
  readonly #host: ApplyHost;
  readonly #signatures: ApplySignature;
  readonly #eager: EagerCanvas;

  constructor(host: ApplyHost) {
    this.#host = host;
    this.ports = new AppExecutionPorts(host);
    this.results = new ResultHandles(host);
    this.#signatures = new ApplySignature({
      replyTo: () => host.publisher.oid,
      loading: () => host.loading(),
      packing: () => packingOf(host.conf),
      definition: name => host.definition(name),
      call: call => this.#apply(call),
      result: (id, options) => this.results.result(id, options),
      group: (id, results, options) => this.results.group(id, results, options) as GroupResult,
      store: async () => {
        const backend = await host.backend();
        return keepsForEverybody(backend) ? backend : undefined;
      },
    });
    this.#eager = new EagerCanvas({
      replyTo: () => host.publisher.oid,
      definition: name => host.definition(name),
      fromTuple: tuple => this.results.fromTuple(tuple),
      throws: () => host.conf.get('task_eager_propagates'),
      run: (call, options, parent) => this.#runHere(call, options, parent),
      group: (id, results, options) => this.results.group(id, results, options) as GroupResult,
    });
  }

  applySignature(
    signature: SignatureData,
    args: Args,
    options: ApplyOptions,
  ): Promise<AsyncResult<unknown> | GroupResult> {
    try {
      checkCall(args, options, undefined);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#applyOrRun(signature, args, options);
  }

  /** A task alone, as any call of it. */
  async #applyOrRun(signature: SignatureData, args: Args, options: ApplyOptions) {
    const loading = this.#host.loading();
    if (loading) {
      const closing = this.#host.closing();
      await loading;
      closing.throwIfClosed();
    }
    const isEager = signature.subtask_type !== null && this.#host.conf.task_always_eager;
    if (!isEager) return this.#signatures.apply(signature, args, options);
    // what runs here has the methods of what is sent
    return this.#eager.apply(signature, args, options) as Promise<unknown> as Promise<
      AsyncResult<unknown> | GroupResult
    >;
  }

  async applySignatureHere(
    signature: SignatureData,
    args: Args,
    options: EagerOptions,
  ): Promise<EagerResult | GroupResult> {
    checkEagerCall(args, options, undefined);
    const loading = this.#host.loading();
    if (loading) await loading;
    return this.#eager.apply(signature, args, options);
  }

  freezeSignature(signature: SignatureData, place: Place) {
    return this.#signatures.freeze(signature, place);
  }

  get linksHeaders(): boolean {
    return this.#host.conf.get('task_allow_error_cb_on_chord_header');
  }

  signature(data: SignatureData): AnySignature {
    return signatureOf(data, this);
  }

  /** Of a task that is known here the settings may want a run, of others only a message. */
  #apply(call: Call): Promise<AsyncResult<unknown>> {
    return call.definition ? this.apply(call as KnownCall) : this.send(call);
  }

  apply(call: KnownCall): Promise<AsyncResult<unknown>> {
    const loading = this.#host.loading();
    if (loading) {
      const closing = this.#host.closing();
      return loading.then(() => {
        // it would open the app again
        closing.throwIfClosed();
        return this.#applyLoaded(call);
      });
    }
    return this.#applyLoaded(call);
  }

  #applyLoaded(call: KnownCall): Promise<AsyncResult<unknown>> {
    return this.#host.conf.task_always_eager ? this.#applyEagerly(call) : this.send(call);
  }

  async #applyEagerly({ definition, args, options }: KnownCall): Promise<AsyncResult<unknown>> {
    checkEagerCall(args, options, definition);
    const checked = definition.checkArguments(args, options.kwargs ?? {});
    if (checked) await checked;
    const run = () => this.#runHere(callOf(definition, args, options), options as EagerOptions);
    const { signal } = options;
    const ran = signal ? bounded(run, { signal }, this.#host.closing()) : run();
    return ran as Promise<unknown> as Promise<AsyncResult<unknown>>;
  }

  /** Publish, whatever `task_always_eager` says. Every call goes through here: no layer too much. */
  send(call: Call): Promise<AsyncResult<unknown>> {
    const { task, args, options, definition } = call;
    try {
      // the name of a task that is known was looked at when it was declared
      if (!definition) checkTaskName(task, 'sendTask');
      checkCall(args, options, definition);
    } catch (error) {
      return Promise.reject(error);
    }
    const { signal } = options;
    if (!signal) return this.#send(call);
    return bounded(() => this.#send(call), { signal }, this.#host.closing());
  }

  async #send(call: Call): Promise<AsyncResult<unknown>> {
    const closing = this.#host.closing();
    const checked = call.definition?.checkArguments(call.args, call.options.kwargs ?? {});
    if (checked) await checked;
    const loading = this.#host.loading();
    if (loading) await loading;
    closing.throwIfClosed();
    const sent = await this.#host.publisher.publish(call);
    return this.results.result(sent.id, { ignored: sent.ignoreResult });
  }

  async applyHere(
    definition: TaskDefinition,
    args: Args,
    options: EagerOptions,
  ): Promise<EagerResult> {
    checkEagerCall(args, options, definition);
    return this.#runHere(callOf(definition, args, options), options);
  }

  /** @param parent the result of what had to be done before */
  async #runHere(
    call: KnownCall,
    { throw: throws, retries = 0 }: Pick<EagerOptions, 'throw' | 'retries'>,
    parent?: ResultHandle,
  ): Promise<EagerResult> {
    const loading = this.#host.loading();
    if (loading) await loading;
    const { conf, publisher } = this.#host;
    await publisher.prepare();
    const made = publisher.unsent(call);
    // a priority's name means a number only to a broker
    const priority = typeof made.priority === 'number' ? made.priority : undefined;
    const outcome = await runEagerly(
      call.definition,
      { ...made, retries, priority },
      await this.ports.ofEagerRun(),
    );
    const fromTuple = (tuple: unknown) => this.results.fromTuple(tuple);
    const result = new EagerResult(call.task, outcome, fromTuple, parent);
    if (throws ?? conf.get('task_eager_propagates')) await result.get();
    return result;
  }

  callDirectly(definition: TaskDefinition, args: Args): Promise<unknown> {
    return callDirectly(definition, args, {}, this.#host);
  }
}

function callOf(definition: TaskDefinition, args: Args, options: EagerOptions): KnownCall {
  return { task: definition.name, args, options, definition, argsAsTuple: true };
}
