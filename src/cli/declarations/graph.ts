import type { Declaration } from '../parsing/command.ts';
import type { Options } from '../parsing/option.ts';
import { choice } from '../parsing/value-type.ts';

export const GRAPH_OPTIONS = {
  format: {
    flags: ['--format'],
    type: choice('dot', 'svg'),
    section: 'Output',
    help: 'dot, for Graphviz (default), or svg, which needs the package @viz-js/viz.',
  },
} as const satisfies Options;

export const GRAPH: Declaration<typeof GRAPH_OPTIONS> = {
  name: 'graph',
  summary: 'Draw what depends on what: `graph bootsteps|workers|result`.',
  arguments: [
    {
      name: 'bootsteps|workers|result TASK_ID',
      help: 'bootsteps: what a worker starts, in which order; workers: the nodes that answer, with broker, result backend and places, or those of nodes:a,b threads:2,3 broker:URL backend:URL, shortened by wmax:4 and tmax:3 (0 for all), with generic and enumerate; result: a task or a saved group and the tasks that came of it, where the result backend keeps them (Redis).',
      rest: true,
    },
  ],
  options: GRAPH_OPTIONS,
};
