/** What results of one task have, wherever they are kept. Celery: `ResultBase`. */
import type { ResultTuple } from '../../wire/result-shapes.ts';
import { collect, graph, iterdeps, leafOf } from './dependencies.ts';
import type { DependencyGraph } from './dependency-graph.ts';
import { LEAF, type ResultHandle, tupleOf } from './handle.ts';
import type { DependencyOptions, GetOptions, ResultBounds } from './result-options.ts';

type Handle = Omit<ResultHandle, 'asTuple' | 'toJSON'>;

export abstract class ResultBase<R> implements Handle {
  abstract readonly id: string;
  abstract readonly parent: ResultHandle | undefined;
  abstract get(options?: GetOptions): Promise<R>;
  abstract ready(options?: ResultBounds): Promise<boolean>;
  abstract successful(options?: ResultBounds): Promise<boolean>;
  abstract failed(options?: ResultBounds): Promise<boolean>;
  abstract maybeThrow(options?: ResultBounds): Promise<void>;
  abstract children(options?: ResultBounds): Promise<readonly ResultHandle[]>;
  abstract forget(options?: ResultBounds): Promise<void>;
  abstract revoke(options?: object): Promise<void>;

  /**
   * The tasks that this one published, those that they published, and so on, breadth first, each
   * after the one it is of.
   *
   * @throws IncompleteStream after one that is not ready, unless `intermediate`
   */
  iterdeps(
    options: DependencyOptions = {},
  ): AsyncGenerator<[ResultHandle | undefined, ResultHandle], void, undefined> {
    return iterdeps(this, options);
  }

  /** The same with what each returned, which is waited for. @throws the error of one that failed */
  collect(
    options: GetOptions & DependencyOptions = {},
  ): AsyncGenerator<[ResultHandle, unknown], void, undefined> {
    return collect(this, options);
  }

  /** What the last one of `collect` returned. */
  getLeaf(options: GetOptions = {}): Promise<unknown> {
    return leafOf(this, options);
  }

  /**
   * `iterdeps` as a graph, whose `toDot` can be drawn.
   *
   * @throws IncompleteStream when one is not ready, unless `intermediate`
   */
  graph(options: DependencyOptions = {}): Promise<DependencyGraph<ResultHandle>> {
    return graph(this, options);
  }

  /** `[[id, parent], null]`: how results of other tasks name this one. */
  asTuple(): ResultTuple {
    return tupleOf(this);
  }

  /** The ids from this one to the first before it. */
  asList(): string[] {
    const ids = [this.id];
    for (let one = this.parent; one; one = one.parent) ids.push(one.id);
    return ids;
  }

  /** Whether it is the result of the same task, or its id. */
  equals(other: unknown): boolean {
    const isResult = typeof other === 'object' && other !== null && LEAF in other;
    return isResult ? (other as ResultHandle).id === this.id : other === this.id;
  }

  /** The id, as in Celery. */
  toString(): string {
    return this.id;
  }

  toJSON(): unknown {
    return this.asTuple();
  }
}
