import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { flag, integer, jsonObject, list } from '../parsing/value-type.ts';

export const CHORD_OPTIONS = {
  json: {
    flags: ['--json'],
    type: flag,
    section: 'Output',
    help: 'One JSON object a line for each chord.',
  },
  task: {
    flags: ['--task'],
    type: list,
    section: 'What the Store Does Not Know',
    help: 'Ids of the tasks of the header in their order (result.parent of the chord has them).',
  },
  size: {
    flags: ['--size'],
    type: integer(1),
    section: 'What the Store Does Not Know',
    help: 'How many tasks the header has; only for a chord whose size was never stored (repair).',
  },
  body: {
    flags: ['--body'],
    type: jsonObject,
    section: 'What the Store Does Not Know',
    help: "The body as a signature in JSON, with the id of the chord's result as options.task_id (repair).",
  },
} as const satisfies Options;

export const CHORD: Declaration<typeof CHORD_OPTIONS> = {
  name: 'chord',
  summary: 'See why a chord stands still, and let it go on: `chord inspect|repair`.',
  arguments: [
    {
      name: 'inspect|repair GROUP_ID',
      help: 'inspect: which parts have ended, which have not, and what is wrong; repair: count what was stored and not counted, and send a body that was not sent. GROUP_ID is the id of the header, as result.parent.id of the chord and group_id of its tasks tell.',
      rest: true,
    },
  ],
  options: CHORD_OPTIONS,
};
