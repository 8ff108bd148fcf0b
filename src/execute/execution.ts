import type { SignatureData } from '../canvas/signature.ts';
import type { JobControl } from '../pool/contract.ts';
import type { Message } from '../wire/messages/message.ts';
import type { TaskBody, TaskHeaders } from '../wire/messages/task-message.ts';
import type { Outcome } from './outcome.ts';
import type { ExecutionPorts, RunnableTask } from './ports.ts';
import type { TaskRequest } from './request.ts';
import type { TaskContext } from './task-context.ts';

/**
 * What follows a run: read before it starts, since a task that cannot be continued must not run.
 */
export interface Continuation {
  readonly callbacks: readonly SignatureData[];
  readonly errbacks: readonly SignatureData[];
  /** Remaining steps in reverse order: the last one is next, as on the wire. */
  readonly chain: readonly SignatureData[];
  /** The body of the chord that waits for it. */
  readonly chord: SignatureData | undefined;
}

export interface Execution {
  readonly task: RunnableTask;
  readonly source: TaskSource;
  readonly ports: ExecutionPorts;
  readonly control: JobControl;
  headers: TaskHeaders;
  body: TaskBody;
  continuation: Continuation;
  request: TaskRequest;
  context: TaskContext;
  outcome: Outcome;
  /** Seconds that the task's code took. */
  runtime: number;
  /** While its code waits: end it with this error, whatever it does later. */
  cutShort?: ((thrown: unknown) => void) | undefined;
  wasCutShort?: boolean;
  /** Its process was lost, perhaps after it had told all that it had to tell. */
  readonly isLost?: boolean;
}

export interface TaskSource {
  readonly message: Message;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  /** Those of the message, when they have been read before, which saves reading them again. */
  readonly headers?: TaskHeaders;
  readonly wantsTexts?: boolean;
  /** The call runs where it was made. */
  readonly isEager?: boolean;
}
