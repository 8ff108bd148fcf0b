import type { Declaration } from '../parsing/command.ts';
import { COMMAND_OPTIONS, commandArguments } from './inspect.ts';

export const CONTROL: Declaration<typeof COMMAND_OPTIONS> = {
  name: 'control',
  summary: 'Have the nodes do something: revoke tasks, change limits, pools and queues.',
  arguments: commandArguments('control'),
  options: COMMAND_OPTIONS,
};
