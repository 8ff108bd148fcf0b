import { runControlCommand } from '../control/remote-control.ts';
import type { COMMAND_OPTIONS } from '../declarations/inspect.ts';
import type { Invocation } from '../parsing/command.ts';

export function run(invocation: Invocation<typeof COMMAND_OPTIONS>): Promise<number> {
  return runControlCommand('inspect', invocation);
}
