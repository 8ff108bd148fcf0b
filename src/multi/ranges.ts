/** Which nodes an option is for: `-c:1`, `-c:w1`, `-c:1-3,5`, `-c:foo,bar`. */
import { didYouMean } from '../base/text/nearest.ts';
import { MultiError } from './errors.ts';
import type { NodeName } from './names.ts';

/**
 * Places in the list of nodes, from 0. A part that is the name of a node is that node; any other
 * number is a place in the list, from 1, and `2-4` three of them.
 *
 * @throws MultiError for a node that is not there
 */
export function nodesIn(scope: string, nodes: readonly NodeName[]): number[] {
  return scope.split(',').flatMap(part => {
    const named = namedBy(part, nodes);
    if (named >= 0) return [named];
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) throw unknown(part, scope, nodes);
    return indexes(Number(first), Number(last ?? first), { part, scope, count: nodes.length });
  });
}

/** Whether the scope is a single node by its name, and no index. */
export function isName(scope: string, nodes: readonly NodeName[]): boolean {
  return namedBy(scope, nodes) >= 0;
}

export function isIndex(scope: string): boolean {
  return /^\d+$/.test(scope);
}

function namedBy(part: string, nodes: readonly NodeName[]): number {
  const full = nodes.findIndex(({ node }) => node === part);
  return full >= 0 ? full : nodes.findIndex(({ given, short }) => given === part || short === part);
}

function indexes(
  first: number,
  last: number,
  { part, scope, count }: { part: string; scope: string; count: number },
): number[] {
  if (first < 1) throw new MultiError(`Nodes are counted from 1, not ${part} (in ":${scope}").`);
  if (last < first) {
    throw new MultiError(`The range ${part} ends before it begins (in ":${scope}").`);
  }
  if (last > count) {
    const nodes = count === 1 ? 'is 1 node' : `are ${count} nodes`;
    throw new MultiError(
      `There is no node ${last} (in ":${scope}"): there ${nodes}, and the last one is ${count}.`,
    );
  }
  return Array.from({ length: last - first + 1 }, (_, i) => first - 1 + i);
}

function unknown(part: string, scope: string, nodes: readonly NodeName[]): MultiError {
  const names = nodes.flatMap(({ short, node }) => [short, node]);
  return new MultiError(
    `There is no node ${JSON.stringify(part)} (in ":${scope}").${didYouMean(part, names)}`,
  );
}
