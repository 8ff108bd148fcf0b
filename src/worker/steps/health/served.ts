/** The servers of a worker's health, in a file of its own: few workers have one, and HTTP is large. */
import { expandNodePath } from '../../../base/node-name.ts';
import type { Service } from '../../../base/service.ts';
import { ProcessMetrics } from '../../../process/health/process-metrics.ts';
import { HealthServer, type Page, type ServerAddress } from '../../../process/health/server.ts';
import type { WorkerParts } from '../../assembly.ts';
import { healthPages, metricsPage } from './pages.ts';
import type { WorkerHealth } from './worker-health.ts';
import { workerFamilies } from './worker-metrics.ts';

export function serveHealth(parts: WorkerParts, health: WorkerHealth): Service {
  const { processMetrics, servers } = serversOf(parts, health);
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

type Row = readonly [string, () => Page];

function serversOf(
  parts: WorkerParts,
  health: WorkerHealth,
): {
  servers: HealthServer[];
  processMetrics: ProcessMetrics | undefined;
} {
  const { app, hostname, metrics } = parts;
  const { conf } = app;
  const [port, metricsPort] = [conf.get('worker_health_port'), conf.get('worker_metrics_port')];
  const host = conf.get('worker_health_host') ?? undefined;
  const socket = conf.get('worker_health_socket');
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
