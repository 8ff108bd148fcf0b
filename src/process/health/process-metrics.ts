/** What a scraper wants to know of any Node process, under the names that prom-client gives it. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Family } from './metrics-text.ts';

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20;
const MICROSECONDS = 1e6;
const NANOSECONDS = 1e9;

export class ProcessMetrics {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  /** From now on the event loop is watched, which costs a timer. */
  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Delays are those since the call before. */
  families(): Family[] {
    const { user, system } = process.cpuUsage();
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const families = [
      counter('process_cpu_user_seconds_total', 'User CPU time.', user / MICROSECONDS),
      counter('process_cpu_system_seconds_total', 'System CPU time.', system / MICROSECONDS),
      counter('process_cpu_seconds_total', 'CPU time.', (user + system) / MICROSECONDS),
      gauge('process_resident_memory_bytes', 'Resident memory.', rss),
      gauge('process_start_time_seconds', 'Start, in seconds since 1970.', STARTED_AT),
      gauge('nodejs_heap_size_total_bytes', 'Size of the heap.', heapTotal),
      gauge('nodejs_heap_size_used_bytes', 'What of the heap is in use.', heapUsed),
      gauge('nodejs_external_memory_bytes', 'Memory of objects outside the heap.', external),
      ...this.#delays(),
    ];
    this.#delay.reset();
    return families;
  }

  #delays(): Family[] {
    const delay = this.#delay;
    return [
      lag('mean', 'Mean', delay.count === 0 ? 0 : delay.mean),
      lag('max', 'Longest', delay.count === 0 ? 0 : delay.max),
      lag('p50', 'Median', delay.percentile(50)),
      lag('p90', '90th percentile', delay.percentile(90)),
      lag('p99', '99th percentile', delay.percentile(99)),
    ];
  }
}

const STARTED_AT = Math.round(performance.timeOrigin / 1000);

/** What Node counts has the time between two looks in it. */
function lag(suffix: string, what: string, nanoseconds: number): Family {
  const seconds = Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION / 1000);
  const help = `${what} of how late the event loop was, since the scrape before.`;
  return gauge(`nodejs_eventloop_lag_${suffix}_seconds`, help, seconds);
}

export function counter(name: string, help: string, value: number): Family {
  return { name, type: 'counter', help, samples: [{ value }] };
}

export function gauge(name: string, help: string, value: number): Family {
  return { name, type: 'gauge', help, samples: [{ value }] };
}
