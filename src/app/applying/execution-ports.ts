/**
 * What runs of an app's tasks get from the app (`ExecutionPorts`): a worker stores and publishes,
 * an eager run keeps to this process unless the settings say otherwise.
 */
import { randomUUID } from 'node:crypto';
import type { ResultBackend } from '../../backends/contract.ts';
import { keepsForEverybody } from '../../backends/keeps-for-everybody.ts';
import { LastStores } from '../../backends/last-stores.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { SignatureRoute } from '../../canvas/signature.ts';
import type { PackingOptions } from '../../canvas/stored.ts';
import type { EventDispatcher } from '../../events/dispatcher.ts';
import type { Errback, ExecutionPorts } from '../../execute/ports.ts';
import { acceptedContentTypes } from '../../wire/content.ts';
import type { TaskCall } from '../../wire/messages/task-message.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { Publisher } from '../publishing/publisher.ts';
import type { LocalTime } from '../settings/local-time.ts';
import type { Settings } from '../settings/settings.ts';
import { executionSignals } from '../signals/execution-signals.ts';
import type { Signals } from '../signals/signals.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { callDirectly } from '../tasks/direct-call.ts';
import { type EagerPorts, SILENT } from './eager.ts';
import { HereChords } from './here-chords.ts';

export interface ExecutionPortsHost {
  readonly conf: Settings;
  readonly signals: Signals;
  readonly publisher: Publisher;
  clock(): Clock;
  readonly localTime: LocalTime;
  backend(): Promise<ResultBackend>;
  events(hostname: string): EventDispatcher;
  definition(name: string): TaskDefinition | undefined;
}

export interface WorkerNode {
  readonly hostname: string;
  readonly logger: Logger;
  /** Undefined: tasks log where all of the process do. */
  readonly taskLog?: Logger;
}

/** What becomes of what follows in a large workflow. */
export function packingOf(conf: Settings): PackingOptions | undefined {
  const largest = conf.get('task_inline_workflow_size');
  return largest === null ? undefined : { largest, queue: conf.get('task_default_queue') };
}

export class AppExecutionPorts {
  readonly #host: ExecutionPortsHost;

  constructor(host: ExecutionPortsHost) {
    this.#host = host;
  }

  async ofWorker(node: WorkerNode): Promise<ExecutionPorts> {
    const backend = await this.#host.backend();
    const storesResults = backend.name !== 'disabled';
    const store = (meta: ResultMeta, replyTo?: string | null) => backend.store(meta, replyTo);
    const results = new LastStores(store, this.#host.clock());
    return {
      ...this.#local(),
      ...node,
      store: results.store,
      hurry: () => results.hurry(),
      ...(keepsForEverybody(backend) && {
        fetch: (id: string) => backend.fetch(id),
        workflows: backend,
        packing: packingOf(this.#host.conf),
      }),
      publish: (call, route) => this.#publish(call, route),
      sendEvent: (type, fields) => this.#host.events(node.hostname).send(type, fields),
      storesResults,
    };
  }

  async ofEagerRun(): Promise<EagerPorts> {
    const { conf } = this.#host;
    const stores = conf.get('task_store_eager_result');
    const ports = stores ? await this.ofWorker({ hostname: '', logger: SILENT }) : this.#local();
    return {
      ...ports,
      workflows: ports.workflows?.chords ? ports.workflows : new HereChords(),
      definition: name => this.#host.definition(name),
      isEverythingHere: conf.get('task_always_eager'),
      publish: (call, route) => this.#publish(call, route),
    };
  }

  #local(): ExecutionPorts {
    const { conf, signals } = this.#host;
    return {
      hostname: '',
      logger: SILENT,
      store: async () => {},
      publish: async () => {},
      newId: randomUUID,
      clock: this.#host.clock(),
      zone: this.#host.localTime.zone,
      storesResults: false,
      extended: conf.get('result_extended'),
      accept: acceptedContentTypes(conf.get('accept_content')),
      signals: executionSignals(signals),
      tracing: this.#host.publisher.tracing(),
      errback: name => this.#errback(name),
    };
  }

  #publish(call: TaskCall, route: SignatureRoute): Promise<void> {
    return this.#host.publisher.publishCall(call, route, this.#host.definition(call.task));
  }

  #errback(name: string): Errback | undefined {
    const definition = this.#host.definition(name);
    if (!definition?.takesError) return undefined;
    return (args, kwargs) => callDirectly(definition, args, kwargs, this.#host);
  }
}
