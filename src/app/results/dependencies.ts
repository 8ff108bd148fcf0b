/** From a result to those of the tasks that its task published, and so on. */
import { systemClock } from '../../base/time/clock.ts';
import { DependencyGraph } from './dependency-graph.ts';
import { IncompleteStream } from './errors.ts';
import type { ResultHandle } from './handle.ts';
import {
  checkCollectOptions,
  checkDependencyOptions,
  checkGetOptions,
  type DependencyOptions,
  type GetOptions,
  type ResultBounds,
} from './result-options.ts';

type Dependency = [ResultHandle | undefined, ResultHandle];

export async function* iterdeps(
  root: ResultHandle,
  options: DependencyOptions,
): AsyncGenerator<Dependency, void, undefined> {
  checkDependencyOptions(options, 'iterdeps');
  const left = timeLeft(options);
  // a task that is tried again is listed as a child of its own
  const seen = new Set([root.id]);
  const line: Dependency[] = [[undefined, root]];
  for (let next = line.shift(); next; next = line.shift()) {
    yield next;
    const [, node] = next;
    if (await node.ready(left())) {
      for (const child of await node.children(left())) {
        if (seen.has(child.id)) continue;
        seen.add(child.id);
        line.push([node, child]);
      }
    } else if (!options.intermediate) {
      throw new IncompleteStream(
        `The task ${node.id} is not ready: what it will publish is not known.`,
      );
    }
  }
}

export async function* collect(
  root: ResultHandle,
  options: GetOptions & DependencyOptions,
): AsyncGenerator<[ResultHandle, unknown], void, undefined> {
  checkCollectOptions(options);
  const { intermediate, ...get } = options;
  const left = timeLeft(options);
  const bounds = { ...left(), ...(intermediate !== undefined && { intermediate }) };
  for await (const [, node] of iterdeps(root, bounds)) {
    yield [node, await node.get({ ...get, ...left() })];
  }
}

export async function leafOf(root: ResultHandle, options: GetOptions): Promise<unknown> {
  checkGetOptions(options);
  let leaf: unknown;
  for await (const [, value] of collect(root, options)) leaf = value;
  return leaf;
}

export async function graph(
  root: ResultHandle,
  options: DependencyOptions,
): Promise<DependencyGraph<ResultHandle>> {
  const found = new DependencyGraph<ResultHandle>({ root: root.id, shape: 'oval' });
  for await (const [parent, node] of iterdeps(root, options)) {
    found.addArc(node);
    if (parent) found.addEdge(parent, node);
  }
  return found;
}

/** One time for all that is asked one after the other. */
function timeLeft({ timeout, signal }: ResultBounds): () => ResultBounds {
  const end = timeout == null ? undefined : systemClock.monotonic() + timeout;
  return () => ({
    ...(end !== undefined && { timeout: Math.max(0, end - systemClock.monotonic()) }),
    ...(signal && { signal }),
  });
}
