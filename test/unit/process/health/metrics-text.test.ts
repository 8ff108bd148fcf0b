import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Family,
  Histogram,
  metricsText,
} from '../../../../src/process/health/metrics-text.ts';
import { numberIn, parseMetrics } from '../../../support/prometheus.ts';

const family = (more: Partial<Family> = {}): Family => ({
  ...{ name: 'x_total', type: 'counter', help: 'Some.', samples: [{ value: 1 }] },
  ...more,
});

describe('the text of metrics', () => {
  test('has help, type and samples of each family, in that order', () => {
    const samples = [{ labels: { a: '1', b: 'two' }, value: 3 }, { value: 0.25 }];

    assert.equal(
      metricsText([family({ samples })]),
      '# HELP x_total Some.\n# TYPE x_total counter\nx_total{a="1",b="two"} 3\nx_total 0.25\n',
    );
  });

  test('leaves out what has no samples, and is empty when nothing has any', () => {
    assert.equal(metricsText([family({ samples: [] })]), '');
    assert.equal(metricsText([]), '');
  });

  test('brings every text back as it was', () => {
    const texts = ['"', '\\', '\n', '\\n', 'a"b\\"c\n\n', '}{,=', 'ümlaut 🎉', '', ' # HELP y z\n'];
    const samples = texts.map(task => ({ labels: { task }, value: 1 }));

    const parsed = parseMetrics(metricsText([family({ samples, help: 'of\nlines \\ and "' })]));

    assert.deepEqual(
      parsed.get('x_total')!.series.map(({ labels }) => labels.task),
      texts,
    );
  });

  test('writes numbers of every size', () => {
    const values = [0, 1e21, 1e-7, 1.5, Number.MAX_SAFE_INTEGER, -3, Number.POSITIVE_INFINITY];
    const samples = values.map((value, i) => ({ labels: { i: String(i) }, value }));

    const parsed = parseMetrics(metricsText([family({ name: 'x', type: 'gauge', samples })]));

    assert.deepEqual(
      parsed.get('x')!.series.map(({ value }) => value),
      values,
    );
  });

  test('counts in each bucket what is at most as large as its bound', () => {
    const value = new Histogram([0.1, 1, 10]);
    for (const seconds of [0, 0.1, 0.10001, 1, 5, 10, 11, 1e9]) value.observe(seconds);
    const samples = [{ labels: { task: 't' }, value }];

    const parsed = parseMetrics(metricsText([family({ name: 'h', type: 'histogram', samples })]));

    const counts = ['0.1', '1', '10', '+Inf'].map(le =>
      numberIn(parsed, 'h_bucket', { task: 't', le }),
    );
    assert.deepEqual(counts, [2, 4, 6, 8]);
    assert.equal(numberIn(parsed, 'h_count', { task: 't' }), 8);
    assert.equal(value.count, 8);
    assert.ok(Math.abs(numberIn(parsed, 'h_sum', { task: 't' })! - 1_000_000_027.20001) < 1e-4);
  });

  test('keeps histograms of several labels apart', () => {
    const [a, b] = [new Histogram([1]), new Histogram([1])];
    a.observe(0.5);
    const samples = [
      { labels: { task: 'a' }, value: a },
      { labels: { task: 'b' }, value: b },
    ];

    const parsed = parseMetrics(metricsText([family({ name: 'h', type: 'histogram', samples })]));

    assert.equal(numberIn(parsed, 'h_count', { task: 'a' }), 1);
    assert.equal(numberIn(parsed, 'h_count', { task: 'b' }), 0);
  });
});

describe('the parser of the tests', () => {
  const head = '# HELP x_total X.\n# TYPE x_total counter\n';
  const wrong = {
    'a sample without head': 'x_total 1\n',
    'a line that does not end': `${head}x_total 1`,
    'a label without quotes': `${head}x_total{a=1} 1\n`,
    'an unescaped quote': `${head}x_total{a="""} 1\n`,
    'a stray backslash': `${head}x_total{a="\\x"} 1\n`,
    'a series twice': `${head}x_total{a="1"} 1\nx_total{a="1"} 2\n`,
    'a family twice': `${head}x_total 1\n${head}x_total{a="1"} 1\n`,
    'a negative counter': `${head}x_total -1\n`,
    'a family without samples': head,
    'a counter by a wrong name': '# HELP x X.\n# TYPE x counter\nx 1\n',
    'a stranger in a family': `${head}y_total 1\n`,
    'a number that is none': `${head}x_total one\n`,
    'a histogram without +Inf':
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    'buckets that shrink':
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  };
  for (const [what, text] of Object.entries(wrong)) {
    test(`refuses ${what}`, () => {
      assert.throws(() => parseMetrics(text), assert.AssertionError);
    });
  }
});
