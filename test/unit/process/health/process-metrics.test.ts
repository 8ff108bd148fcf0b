import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricsText } from '../../../../src/process/health/metrics-text.ts';
import { ProcessMetrics } from '../../../../src/process/health/process-metrics.ts';
import { eventually } from '../../../support/eventually.ts';
import { numberIn, parseMetrics } from '../../../support/prometheus.ts';

const read = (metrics: ProcessMetrics) => parseMetrics(metricsText(metrics.families()));

test('a process tells its memory, its time on the processor and when it began', () => {
  const numbers = read(new ProcessMetrics());

  const [user, system, both] = ['user_seconds', 'system_seconds', 'seconds'].map(
    part => numberIn(numbers, `process_cpu_${part}_total`)!,
  );
  assert.ok(user! > 0 && Math.abs(user! + system! - both!) < 1e-6);
  assert.ok(numberIn(numbers, 'process_resident_memory_bytes')! > 1e6);
  assert.ok(numberIn(numbers, 'nodejs_heap_size_used_bytes')! > 1e6);
  const age = Date.now() / 1000 - numberIn(numbers, 'process_start_time_seconds')!;
  assert.ok(age > -1 && age < 600, `started ${age} s ago`);
});

test('a process tells how long its event loop was blocked since it was asked before', async () => {
  const metrics = new ProcessMetrics();
  metrics.start();
  const longest = () => numberIn(read(metrics), 'nodejs_eventloop_lag_max_seconds')!;
  const block = () => {
    const end = performance.now() + 600;
    while (performance.now() < end);
  };
  // the watch has looks before and after it; reading begins anew
  let turns = 0;
  await eventually(
    () => {
      turns += 1;
      if (turns % 10 === 5) block();
      return turns % 10 === 0 && longest() > 0.5;
    },
    { everyMs: 20 },
  );

  // of what was told once nothing is left
  await eventually(() => longest() < 0.4);
  metrics.stop();
});

test('a process that does not watch its event loop has no delays', () => {
  const numbers = read(new ProcessMetrics());

  for (const what of ['mean', 'max', 'p50', 'p90', 'p99']) {
    assert.equal(numberIn(numbers, `nodejs_eventloop_lag_${what}_seconds`), 0);
  }
});
