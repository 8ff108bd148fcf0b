/** Numbers in the text format of Prometheus, version 0.0.4. */

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels | undefined;
  readonly value: number | Histogram;
}

/** All samples of one name. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** How many observations were at most as large as each bound. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** Of each bound alone, and of what is larger than all. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds in rising order */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++;
    this.#counts[i]! += 1;
    this.#sum += value;
  }

  /** Pairs of a bound and the number of observations up to it, infinity last. */
  *cumulative(): Generator<readonly [number, number]> {
    let count = 0;
    for (const [i, own] of this.#counts.entries()) {
      count += own;
      yield [this.#bounds[i] ?? Number.POSITIVE_INFINITY, count];
    }
  }
}

/** Families without samples are left out. */
export function metricsText(families: Iterable<Family>): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const { labels = {}, value } of samples) {
      if (typeof value === 'number') lines.push(line(name, labels, value));
      else pushHistogram(lines, name, labels, value);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function pushHistogram(lines: string[], name: string, labels: Labels, value: Histogram): void {
  let count = 0;
  for (const [bound, upTo] of value.cumulative()) {
    count = upTo;
    lines.push(line(`${name}_bucket`, { ...labels, le: numberText(bound) }, upTo));
  }
  lines.push(line(`${name}_sum`, labels, value.sum), line(`${name}_count`, labels, count));
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
