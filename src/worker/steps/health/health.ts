/** The steps by which a worker tells how it is: over HTTP, and with a file. */
import { expandNodePath } from '../../../base/node-name.ts';
import type { Service } from '../../../base/service.ts';
import { HealthFile } from '../../../process/health/health-file.ts';
import { ProcessMetrics } from '../../../process/health/process-metrics.ts';
import { HealthServer, type Page, type ServerAddress } from '../../../process/health/server.ts';
import type { WorkerParts } from '../../assembly.ts';
import { healthPages, metricsPage } from './pages.ts';
import { WorkerHealth } from './worker-health.ts';
import { workerFamilies } from './worker-metrics.ts';

/** Seconds beyond the time that two children after each other may take to start. */
const CHILDLESS_GRACE = 30;

/** Undefined without a port or a socket. */
export function createHealth(parts: WorkerParts): Service | undefined {
  const { processMetrics, servers } = serversOf(parts);
  if (servers.length === 0) return undefined;
  return {
    async start() {
      processMetrics?.start();
      await Promise.all(servers.map(server => server.start()));
      for (const { url, paths } of servers) {
        parts.logger.info(`Health is served on ${url}: ${paths.join(' ')}`);
      }
    },
    async stop() {
      processMetrics?.stop();
      await Promise.all(servers.map(server => server.stop()));
    },
  };
}

/** Undefined without `worker_health_file`. */
export function createHealthFile(parts: WorkerParts): Service | undefined {
  const { app, hostname, logger } = parts;
  const path = app.conf.get('worker_health_file');
  if (path === null) return undefined;
  const health = healthOf(parts);
  return new HealthFile(expandNodePath(path, hostname), {
    isWell: () => health.whyNotReady() === undefined,
    warn: text => logger.warning(text),
  });
}

function healthOf(parts: WorkerParts): WorkerHealth {
  const starting = parts.app.conf.get('worker_proc_alive_timeout');
  return new WorkerHealth(parts, 2 * starting + CHILDLESS_GRACE);
}

type Row = readonly [string, () => Page];

function serversOf(parts: WorkerParts): {
  servers: HealthServer[];
  processMetrics: ProcessMetrics | undefined;
} {
  const { app, hostname, metrics } = parts;
  const { conf } = app;
  const [port, metricsPort] = [conf.get('worker_health_port'), conf.get('worker_metrics_port')];
  const host = conf.get('worker_health_host') ?? undefined;
  const socket = conf.get('worker_health_socket');
  const health = healthOf(parts);
  const own = healthPages(health);
  const processMetrics = metrics && new ProcessMetrics();
  const theirs = metrics && processMetrics ? [metricsRow(parts, health, processMetrics)] : [];
  const isShared = port !== null && port === metricsPort;
  const servers: HealthServer[] = [];
  const serve = (setting: string, address: ServerAddress, rows: readonly Row[]) =>
    servers.push(new HealthServer(address, setting, new Map(rows)));
  if (port !== null)
    serve('worker_health_port', { port, host }, isShared ? [...own, ...theirs] : own);
  if (metricsPort !== null && !isShared) {
    serve('worker_metrics_port', { port: metricsPort, host }, theirs);
  }
  if (socket !== null) {
    serve('worker_health_socket', { socket: expandNodePath(socket, hostname) }, own);
  }
  return { servers, processMetrics };
}

function metricsRow(parts: WorkerParts, health: WorkerHealth, ofProcess: ProcessMetrics): Row {
  const { metrics } = parts;
  return metricsPage(() => [
    ...metrics!.families(),
    ...workerFamilies(parts, metrics!, health),
    ...ofProcess.families(),
  ]);
}
