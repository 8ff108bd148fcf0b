/**
 * Growth, as the soak runs judge it: medians of a quarter of the run each, since single looks differ
 * by what was under way, and not from the start on, since a worker that warms up is not one that grows.
 */

export interface Quarters {
  readonly second: number;
  readonly last: number;
}

/** @param looks values in equal distances, the last one at the end of the run */
export function quartersOf(looks: readonly number[]): Quarters {
  const part = (from: number, to: number) =>
    median(looks.slice(Math.floor(from * looks.length), Math.floor(to * looks.length)));
  return { second: part(0.25, 0.5), last: part(0.75, 1) };
}

/** NaN when there is none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
