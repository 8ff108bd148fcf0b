/** From the words of `multi` to its nodes. */
import { didYouMean } from '../base/text/nearest.ts';
import { MultiError } from './errors.ts';
import type { KnownOption, MultiWords, ScopedOption } from './grammar.ts';
import { type NodeName, nodeNames } from './names.ts';
import { makeNode, type Node, NodeOptions, type WorkerProgram } from './node.ts';
import { isIndex, isName, nodesIn } from './ranges.ts';

/** @throws MultiError for nodes that cannot be, and options for nodes that are not there */
export function nodesOf(
  words: MultiWords,
  known: readonly KnownOption[],
  program: WorkerProgram,
): Node[] {
  const general = new NodeOptions(known, words.options);
  const [cmd, append] = [general.take('--cmd'), general.take('--append')];
  const names = nodeNames(words.names, {
    hostname: general.take('-n'),
    prefix: general.take('--prefix'),
    suffix: general.take('--suffix'),
    rangePrefix: general.take('--range-prefix'),
  });
  const own = ownOptions(words.scoped, names);
  const parts = { program, cmd, append, passThrough: words.passThrough };
  return names.map((name, i) =>
    makeNode(name, new NodeOptions(known, [...general, ...own[i]!]), parts),
  );
}

/**
 * By node, in the order in which they count, the last one most. As in Celery an option for a list or a
 * range counts more than one for an index, and that more than one for a name.
 */
function ownOptions(scoped: readonly ScopedOption[], names: readonly NodeName[]): ScopedOption[][] {
  const own: ScopedOption[][] = names.map(() => []);
  const rank = ({ scope }: ScopedOption) => (isIndex(scope) ? 1 : isName(scope, names) ? 0 : 2);
  for (const option of [...scoped].sort((a, b) => rank(a) - rank(b))) {
    for (const place of nodesIn(option.scope, names)) own[place]!.push(option);
  }
  return own;
}

/**
 * The node of that name, or the part of it before `@`.
 *
 * @throws MultiError when there is none
 */
export function findNode(nodes: readonly Node[], name: string): Node {
  const found =
    nodes.find(node => node.name === name) ??
    nodes.find(node => node.name.slice(0, node.name.indexOf('@')) === name);
  if (found) return found;
  const names = nodes.flatMap(node => [node.name, node.name.split('@')[0]!]);
  throw new MultiError(`There is no node ${JSON.stringify(name)}.${didYouMean(name, names)}`);
}
