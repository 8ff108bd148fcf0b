/**
 * What becomes of a call, from its arguments to the handle of its result: published, run eagerly
 * with everything a worker does around it, or just called.
 */
import { bounded } from '../../backends/bounded.ts';
import { resultTuple } from '../../canvas/freeze.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { checkTaskName } from '../app-options.ts';
import { checkCall, checkEagerCall } from '../options/option-checks.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import { EagerResult } from '../results/eager-result.ts';
import type { GroupResult } from '../results/group-result.ts';
import type { ResultHost } from '../results/handle.ts';
import { ResultHandles } from '../results/handles.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { callDirectly } from '../tasks/direct-call.ts';
import type { Args, KnownCall, TaskHost } from '../tasks/task.ts';
import { ApplySignature } from './apply-signature.ts';
import { runEagerly } from './eager.ts';
import { AppExecutionPorts, type ExecutionPortsHost } from './execution-ports.ts';

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

  constructor(host: ApplyHost) {
    this.#host = host;
    this.ports = new AppExecutionPorts(host);
    this.results = new ResultHandles(host);
    this.#signatures = new ApplySignature({
      replyTo: () => host.publisher.oid,
      definition: name => host.definition(name),
      call: call => this.#apply(call),
      result: node => this.results.fromTuple(resultTuple(node)),
      store: async () => {
        const backend = await host.backend();
        return backend.name === 'disabled' || backend.onlyForSender ? undefined : backend;
      },
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
    return this.#signatures.apply(signature, args, options);
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
    const run = () => this.#runHere(definition, args, options);
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
    return this.#runHere(definition, args, options);
  }

  async #runHere(
    definition: TaskDefinition,
    args: Args,
    options: EagerOptions,
  ): Promise<EagerResult> {
    const loading = this.#host.loading();
    if (loading) await loading;
    const { conf, publisher } = this.#host;
    await publisher.prepare();
    const { retries = 0 } = options;
    const task = definition.name;
    const made = publisher.unsent({ task, args, options, definition, argsAsTuple: true });
    // a priority's name means a number only to a broker
    const priority = typeof made.priority === 'number' ? made.priority : undefined;
    const call = { ...made, retries, priority };
    const outcome = await runEagerly(definition, call, await this.ports.ofEagerRun());
    const result = new EagerResult(definition.name, outcome, tuple =>
      this.results.fromTuple(tuple),
    );
    if (options.throw ?? conf.get('task_eager_propagates')) await result.get();
    return result;
  }

  callDirectly(definition: TaskDefinition, args: Args): Promise<unknown> {
    return callDirectly(definition, args, {}, this.#host);
  }
}
