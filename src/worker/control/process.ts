/** Commands that look at the worker's process: counters, memory, what a bug report needs. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import { bugReport } from '../../app/bug-report.ts';
import type { WorkerStats } from '../../control/replies.ts';
import { parseUrls } from '../../drivers/url.ts';
import type { WorkerParts } from '../assembly.ts';
import { type Handler, numberOr, ok } from './handler.ts';

const MEGABYTE = 1024 ** 2;
/** Samples that are kept; `memdump` shows this many by default. */
const MOST_SAMPLES = 100;
const DEFAULT_SAMPLES = 10;

/** Of this process, taken by `memsample`, oldest first. */
const samples: string[] = [];

export const PROCESS_HANDLERS = {
  stats: (worker): WorkerStats => ({
    total: Object.fromEntries(worker.state.totals),
    pid: process.pid,
    clock: String(worker.lamport.value),
    uptime: Math.round(process.uptime()),
    pool: worker.pool.info(),
    ...(worker.autoscaler && { autoscaler: worker.autoscaler.info() }),
    broker: brokerInfo(worker),
    prefetch_count: worker.link.prefetch,
    rusage: resourceUsage(),
  }),

  report: ({ app }) => ok(bugReport(app)),

  memsample: takeSample,

  memdump(_worker, given) {
    const count = numberOr(given.samples, DEFAULT_SAMPLES, 'samples');
    const shown = count === 0 ? [] : samples.slice(-count);
    const lines = shown.map(sample => `-    > ${sample},\n`).join('');
    return `- rss (sample):\n${lines}- rss (end): ${takeSample()}.\n`;
  },

  /** A heap snapshot for a browser's debugger: V8 tells all there is, not the graph of one type. */
  objgraph() {
    // it holds passwords: the folder is for this user alone
    const folder = mkdtempSync(join(tmpdir(), `tscelery-${process.pid}-`));
    return { filename: writeHeapSnapshot(join(folder, 'worker.heapsnapshot')) };
  },
} satisfies Record<string, Handler>;

function takeSample(): string {
  const sample = `${(process.memoryUsage.rss() / MEGABYTE).toFixed(3)}MB`;
  samples.push(sample);
  if (samples.length > MOST_SAMPLES) samples.shift();
  return sample;
}

/** What `kombu.Connection.info()` tells, without the password. */
function brokerInfo({ app }: WorkerParts): Record<string, unknown> {
  const { conf } = app;
  const [url, ...others] = parseUrls(conf.broker_read_url);
  return {
    hostname: url.host ?? null,
    userid: url.username ?? null,
    virtual_host: url.path,
    port: url.port ?? null,
    insist: false,
    ssl: conf.get('broker_use_ssl') !== false,
    transport: url.scheme,
    connect_timeout: conf.get('broker_connection_timeout'),
    transport_options: app.conf.table().broker_transport_options ?? {},
    login_method: conf.get('broker_login_method'),
    uri_prefix: null,
    heartbeat: conf.get('broker_heartbeat'),
    failover_strategy: conf.get('broker_failover_strategy') ?? 'round-robin',
    alternates: others.map(({ masked }) => masked),
  };
}

/** Python's names; what Node does not know is 0 there as well. */
function resourceUsage(): Record<string, number> {
  const used = process.resourceUsage();
  return {
    utime: used.userCPUTime / 1e6,
    stime: used.systemCPUTime / 1e6,
    maxrss: used.maxRSS,
    ixrss: used.sharedMemorySize,
    idrss: used.unsharedDataSize,
    isrss: used.unsharedStackSize,
    minflt: used.minorPageFault,
    majflt: used.majorPageFault,
    nswap: used.swappedOut,
    inblock: used.fsRead,
    oublock: used.fsWrite,
    msgsnd: used.ipcSent,
    msgrcv: used.ipcReceived,
    nsignals: used.signalsCount,
    nvcsw: used.voluntaryContextSwitches,
    nivcsw: used.involuntaryContextSwitches,
  };
}
