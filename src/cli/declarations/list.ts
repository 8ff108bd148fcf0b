import type { Declaration } from '../parsing/command.ts';

export const LIST: Declaration = {
  name: 'list',
  summary: 'Show what the broker knows: `list bindings`.',
  arguments: [{ name: 'bindings', help: 'Queues, their exchanges and routing keys.', rest: true }],
  options: {},
};
