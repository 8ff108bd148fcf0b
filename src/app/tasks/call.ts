/** One call as the user made it: what is handed on, as it is, until it becomes a message. */
import type { ApplyOptions } from '../options/task-options.ts';
import type { WorkflowPart } from '../signatures/workflow-part.ts';
import type { TaskDefinition } from './definition.ts';

export interface Call {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly options: ApplyOptions;
  /** The task when it is known here: what it declares counts where the options say nothing. */
  readonly definition: TaskDefinition | undefined;
  /** Whether monitors show the arguments as `(1, 2)`, as `delay(1, 2)` does, or as `[1, 2]`. */
  readonly argsAsTuple: boolean;
  /** Undefined for a call that belongs to no workflow. */
  readonly part?: WorkflowPart | undefined;
}
