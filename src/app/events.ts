import { checkOptions, type Kinds, names, name as nonEmpty } from '../base/option-kinds.ts';
import type { EventDispatcher } from '../events/dispatcher.ts';
import {
  EventReceiver,
  RECEIVER,
  type ReceiverHost,
  type ReceiverOptions,
} from '../events/receiver.ts';
import { checkStateOptions, EventState, type StateOptions } from '../events/state.ts';

export interface DispatcherOptions {
  /** Node name; default `gen<pid>@<host>`, as every client has. */
  readonly hostname?: string;
  /** Groups that are sent, for example `task`; default all. */
  readonly groups?: readonly string[];
}

const DISPATCHER: Kinds<DispatcherOptions> = { hostname: nonEmpty, groups: names };

export interface EventsHost {
  receiver(): ReceiverHost;
  dispatcher(options: DispatcherOptions): EventDispatcher;
}

/**
 * Events: what workers and clients, ours and Python's, tell about themselves and their tasks. See
 * docs/events.md. Celery: `app.events`.
 */
export class Events {
  readonly #host: EventsHost;

  /** @internal */
  constructor(host: EventsHost) {
    this.#host = host;
  }

  /**
   * Hear events: `receiver.start()`, or `receiver.capture({ limit })` for a time.
   *
   * @throws TypeError for an option that does not exist or is of the wrong kind
   */
  Receiver(options: ReceiverOptions): EventReceiver {
    checkOptions(options, RECEIVER, 'a receiver of events');
    return new EventReceiver(this.#host.receiver(), options);
  }

  /** Send events of a program's own. `app.close()` sends what is left. @throws TypeError as `Receiver` */
  Dispatcher(options: DispatcherOptions = {}): EventDispatcher {
    checkOptions(options, DISPATCHER, 'a dispatcher of events');
    return this.#host.dispatcher(options);
  }

  /** What events say of workers and tasks so far. @throws TypeError as `Receiver` */
  State(options: StateOptions = {}): EventState {
    checkStateOptions(options);
    return new EventState(options);
  }
}
