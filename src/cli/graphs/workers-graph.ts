/** Nodes with their places, and what they are connected to. Celery: `celery graph workers`. */
import { type Attributes, DependencyGraph } from '../../app/results/dependency-graph.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { UsageError } from '../parsing/command-error.ts';

export interface Fleet {
  readonly broker: string;
  /** Undefined when no results are kept. */
  readonly backend: string | undefined;
  readonly workers: readonly { readonly name: string; readonly threads: number }[];
}

export interface Wishes {
  readonly nodes: readonly string[] | undefined;
  readonly threads: readonly number[];
  readonly broker: string | undefined;
  readonly backend: string | undefined;
  /** Workers, and places of each, that are drawn at most; 0 is all. */
  readonly wmax: number;
  readonly tmax: number;
  /** Broker and backend without their addresses. */
  readonly generic: boolean;
  /** Numbers instead of names. */
  readonly enumerate: boolean;
}

const WORDS = ['nodes', 'threads', 'broker', 'backend', 'wmax', 'tmax', 'generic', 'enumerate'];
const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉';

/** @throws UsageError */
export function readWishes(words: readonly string[]): Wishes {
  const given = new Map<string, string>();
  for (const word of words) {
    const [name = '', ...rest] = word.split(':');
    if (!WORDS.includes(name)) {
      throw new UsageError(
        `'${word}' says nothing about workers.${didYouMean(name, WORDS)} Known: ${WORDS.join(', ')}.`,
        { command: 'graph' },
      );
    }
    given.set(name, rest.join(':'));
  }
  const all = (name: string) => given.get(name)?.split(',').filter(Boolean);
  const number = (name: string, text: string) => {
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UsageError(`${name}: needs whole numbers, got '${text}'.`, { command: 'graph' });
  };
  return {
    nodes: all('nodes'),
    threads: (all('threads') ?? []).map(text => number('threads', text)),
    broker: given.get('broker'),
    backend: given.get('backend'),
    wmax: number('wmax', given.get('wmax') ?? '4'),
    tmax: number('tmax', given.get('tmax') ?? '3'),
    generic: given.has('generic'),
    enumerate: given.has('enumerate'),
  };
}

class Node {
  readonly text: string;
  readonly attributes: Attributes;

  constructor(text: string, attributes: Attributes = {}) {
    this.text = text;
    this.attributes = attributes;
  }

  toString(): string {
    return this.text;
  }
}

const THREAD: Attributes = {
  fillcolor: 'lightcyan4',
  fontcolor: 'yellow',
  shape: 'oval',
  fontsize: 10,
  width: 0.3,
  color: 'black',
};
const BACKEND: Attributes = {
  shape: 'folder',
  width: 2,
  height: 1,
  color: 'black',
  fillcolor: 'peachpuff3',
};
const BROKER: Attributes = {
  shape: 'circle',
  fillcolor: 'cadetblue3',
  color: 'cadetblue4',
  height: 1,
};

export function workersDot(fleet: Fleet, wishes: Wishes): string {
  const graph = new DependencyGraph<Node>();
  const server = (kind: string, url: string) =>
    wishes.generic ? `${kind} (${url.split('://')[0]}://)` : url;
  const broker = new Node(server('Broker', fleet.broker), BROKER);
  graph.addArc(broker);
  const backend =
    fleet.backend === undefined ? undefined : new Node(server('Backend', fleet.backend), BACKEND);
  if (backend) graph.addArc(backend);
  const { workers } = fleet;
  const names = abbreviated(
    workers.map(({ name }) => name),
    'Worker',
    wishes.wmax,
    wishes,
  );
  let threads = 0;
  for (const [i, name] of names.entries()) {
    const worker = new Node(name);
    graph.addEdge(worker, broker);
    if (backend) graph.addEdge(worker, backend);
    // the one that stands for several has the places of the first of them
    const { threads: count } = i === names.length - 1 ? workers.at(-1)! : workers[i]!;
    const places = Array.from({ length: count }, (_, place) => String(place));
    for (const label of abbreviated(places, 'P', wishes.tmax, wishes)) {
      threads += 1;
      graph.addEdge(new Node(`thr-${threads}`, { ...THREAD, label }), worker);
    }
  }
  const edges = { arrowhead: 'none', arrowtail: 'tee' };
  return graph.toDot({
    node: ({ attributes }) => attributes,
    edgesOf: ({ attributes }) => (attributes.label === undefined ? {} : edges),
  });
}

/** The first ones and the last one, and between them how many there are besides. */
function abbreviated(
  all: readonly string[],
  kind: string,
  max: number,
  { enumerate }: Wishes,
): readonly string[] {
  const names = enumerate ? all.map((_, i) => `${kind}${subscript(i + 1)}`) : all;
  if (max < 2 || names.length <= max) return names;
  const others = `${kind[0]}⎨…${subscript(names.length - (max - 1))}⎬`;
  return [...names.slice(0, max - 2), others, names.at(-1)!];
}

const subscript = (n: number) => [...String(n)].map(digit => SUBSCRIPTS[Number(digit)]).join('');
