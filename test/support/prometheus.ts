/** Reads the text format of Prometheus as strictly as its own parser does, and more. */
import assert from 'node:assert/strict';

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: Series[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL_NAME = '[a-zA-Z_][a-zA-Z0-9_]*';
const LABEL = `${LABEL_NAME}="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`;
const HELP_LINE = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\\\n]|\\\\[\\\\n])+)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE_LINE = new RegExp(
  `^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? ([+-]Inf|NaN|-?\\d+(?:\\.\\d+)?(?:e[+-]\\d+)?)$`,
);

/** @throws AssertionError naming the line that is wrong */
export function parseMetrics(text: string): Map<string, ParsedFamily> {
  assert.ok(text.endsWith('\n'), 'the last line must end');
  const families = new Map<string, ParsedFamily>();
  let current: ParsedFamily | undefined;
  const lines = text.slice(0, -1).split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, helpName, help] = HELP_LINE.exec(lines[i]!) ?? [];
    if (helpName !== undefined) {
      const [, typeName, type] = TYPE_LINE.exec(lines[++i] ?? '') ?? [];
      assert.equal(typeName, helpName, `no TYPE after HELP: ${lines[i]}`);
      assert.ok(!families.has(helpName), `${helpName} stands twice`);
      current = { name: helpName, type: type!, help: help!, series: [] };
      families.set(helpName, current);
    } else {
      assert.ok(current, `a sample before its HELP and TYPE: ${lines[i]}`);
      current.series.push(sampleOf(lines[i]!, current));
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function sampleOf(line: string, { name: family, type }: ParsedFamily): Series {
  const [, name, pairs = '', value] = SAMPLE_LINE.exec(line) ?? [];
  assert.ok(name !== undefined && value !== undefined, `not a sample: ${line}`);
  const names =
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map(s => family + s) : [family];
  assert.ok(names.includes(name), `${name} stands below ${family}`);
  const labels: Record<string, string> = {};
  for (const [, key, text] of pairs.matchAll(
    new RegExp(`(${LABEL_NAME})="((?:[^"\\\\]|\\\\.)*)"`, 'g'),
  )) {
    assert.ok(!Object.hasOwn(labels, key!), `the label ${key} stands twice: ${line}`);
    labels[key!] = text!.replaceAll(/\\(.)/g, (_, sign) => (sign === 'n' ? '\n' : sign));
  }
  return { name, labels, value: numberOf(value) };
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text);
}

function checkFamily({ name, type, series }: ParsedFamily): void {
  assert.ok(series.length > 0, `${name} has no samples`);
  const keys = series.map(({ name, labels }) =>
    JSON.stringify([name, Object.entries(labels).sort()]),
  );
  assert.equal(new Set(keys).size, keys.length, `${name} has a series twice`);
  if (type === 'counter') {
    assert.match(name, /_total$/, `the counter ${name} must end with _total`);
    for (const { value } of series) assert.ok(value >= 0 && Number.isFinite(value), name);
  }
  if (type === 'histogram') checkHistogram(name, series);
}

function checkHistogram(name: string, series: readonly Series[]): void {
  const groups = new Map<string, Series[]>();
  for (const each of series) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  for (const group of groups.values()) {
    const buckets = group.filter(each => each.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => numberOf(labels.le ?? 'NaN'));
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
      `bounds of ${name}`,
    );
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      `buckets of ${name} must only grow`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${name} needs the bucket +Inf`);
    const [count] = group.filter(each => each.name === `${name}_count`);
    assert.equal(count?.value, counts.at(-1), `the count of ${name}`);
    assert.equal(group.filter(each => each.name === `${name}_sum`).length, 1);
  }
}

function keyOf({ labels: { le: _, ...labels } }: Series): string {
  return JSON.stringify(Object.entries(labels).sort());
}

/** The value of the series with exactly these labels; undefined when there is none. */
export function numberIn(
  families: ReadonlyMap<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return family?.series.find(
    series =>
      series.name === name && JSON.stringify(Object.entries(series.labels).sort()) === wanted,
  )?.value;
}
