import { CONTROL_COMMANDS, type ControlCommand } from '../../control/commands.ts';
import type { Argument, Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag } from '../parsing/value-type.ts';
import { NODE_OPTIONS } from './status.ts';

export const COMMAND_OPTIONS = {
  ...NODE_OPTIONS,
  list: {
    flags: ['--list'],
    type: flag,
    section: 'Remote Control Options',
    help: "List the commands with their arguments, the app's own too.",
    eager: true,
  },
} as const satisfies Options;

export function commandArguments(kind: ControlCommand['kind']): readonly Argument[] {
  const names = CONTROL_COMMANDS.filter(row => row.kind === kind && !row.isHidden);
  return [
    {
      name: 'COMMAND',
      help: `One of the app's own, or ${names.map(({ name }) => name).join(', ')}.`,
    },
    { name: 'ARGUMENT', help: 'What the command takes; --list shows it.', rest: true },
  ];
}

export const INSPECT: Declaration<typeof COMMAND_OPTIONS> = {
  name: 'inspect',
  summary: 'Ask the nodes something: what they run, know, count.',
  arguments: commandArguments('inspect'),
  options: COMMAND_OPTIONS,
};
