/** Things and what they depend on. Celery: `celery.utils.graph.DependencyGraph`. */

const SCHEME = { shape: 'box', arrowhead: 'vee', style: 'filled', fontname: 'HelveticaNeue' };
const EDGE = { color: 'darkseagreen4', arrowcolor: 'black', arrowsize: 0.7 };
const NODE = { fillcolor: 'palegreen3', color: 'palegreen4' };
const TERMINAL = { fillcolor: 'palegreen1', color: 'palegreen2' };
const GRAPH = { bgcolor: 'mintcream' };

export type Attributes = Readonly<Record<string, unknown>>;

/** How `toDot` draws nodes that are not all alike. */
export interface Drawing<T> {
  /** Of a node, besides Celery's. */
  node?(node: T): Attributes;
  /** Of the edges that begin there. */
  edgesOf?(node: T): Attributes;
}

/** A graph without cycles of nodes whose text (`String(node)`) is their label. */
export class DependencyGraph<T = unknown> {
  readonly #adjacent = new Map<T, T[]>();
  readonly #attributes: Attributes;

  /** @param attributes of the graph in `toDot`, besides Celery's */
  constructor(attributes: Attributes = {}) {
    this.#attributes = attributes;
  }

  get nodes(): T[] {
    return [...this.#adjacent.keys()];
  }

  /** Each with what it depends on. */
  get edges(): [T, T][] {
    return [...this.#adjacent].flatMap(([from, all]) => all.map((to): [T, T] => [from, to]));
  }

  addArc(node: T): void {
    if (!this.#adjacent.has(node)) this.#adjacent.set(node, []);
  }

  /** `from` depends on `to`; both become nodes. */
  addEdge(from: T, to: T): void {
    this.addArc(from);
    this.addArc(to);
    this.#adjacent.get(from)!.push(to);
  }

  /** The nodes so that each comes after all that it depends on; those in a cycle are left out. */
  topsort(): T[] {
    const waiting = new Map<T, number>();
    for (const [, to] of this.edges) waiting.set(to, (waiting.get(to) ?? 0) + 1);
    const free = this.nodes.filter(node => !waiting.has(node));
    const sorted: T[] = [];
    for (let node = free.pop(); node !== undefined; node = free.pop()) {
      sorted.push(node);
      for (const to of this.#adjacent.get(node)!) {
        const left = waiting.get(to)! - 1;
        waiting.set(to, left);
        if (left === 0) free.push(to);
      }
    }
    return sorted.reverse();
  }

  /** The graph in the language of Graphviz, as Celery draws it. */
  toDot(drawing: Drawing<T> = {}): string {
    const scheme = { ...SCHEME, ...this.#attributes };
    const { root = null, ...shared } = scheme as typeof scheme & { root?: unknown };
    const head = written({ ...shared, ...GRAPH, root: root ?? 'None' });
    const lines = ['digraph dependencies {', `    graph [${head}]`];
    const seen = new Set<string>();
    const put = (node: T, colours: Attributes) => {
      const label = quoted(node);
      if (seen.has(label)) return;
      seen.add(label);
      lines.push(`    ${label} [${written({ ...shared, ...colours, ...drawing.node?.(node) })}]`);
    };
    for (const [from, all] of this.#adjacent) {
      if (all.length === 0) put(from, TERMINAL);
      for (const to of all) {
        put(from, NODE);
        const attributes = written({ ...shared, ...EDGE, ...drawing.edgesOf?.(from) });
        lines.push(`    ${quoted(from)} -> ${quoted(to)} [${attributes}]`);
      }
    }
    return `${[...lines, '}'].join('\n')}\n`;
  }
}

function written(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(', ');
}

function quoted(value: unknown): string {
  return `"${String(value).replace(/[\\"]/g, '\\$&')}"`;
}
