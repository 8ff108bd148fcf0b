import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DependencyGraph } from '../../../../src/index.ts';

function diamond() {
  const graph = new DependencyGraph<string>({ root: 'a', shape: 'oval' });
  for (const node of 'abcd') graph.addArc(node);
  for (const [from, to] of ['ab', 'ac', 'bd', 'cd']) graph.addEdge(from!, to!);
  return graph;
}

describe('a graph of dependencies', () => {
  it('has nodes and edges', () => {
    const graph = diamond();

    assert.deepEqual(graph.nodes.join(''), 'abcd');
    assert.deepEqual(
      graph.edges.map(edge => edge.join('')),
      ['ab', 'ac', 'bd', 'cd'],
    );
  });

  it('is sorted so that each node comes after what it depends on', () => {
    assert.deepEqual(diamond().topsort(), ['d', 'b', 'c', 'a']);
    assert.deepEqual(new DependencyGraph().topsort(), []);
  });

  it('is drawn as Celery draws it', () => {
    const golden = new URL('../../../golden/canvas/graph.dot', import.meta.url);

    assert.equal(diamond().toDot(), readFileSync(golden, 'utf8'));
  });

  it('quotes what would end a label', () => {
    const graph = new DependencyGraph();
    graph.addArc('say "a\\b"');

    assert.ok(graph.toDot().includes('"say \\"a\\\\b\\"" ['));
  });
});
