/** The steps by which a worker tells how it is: over HTTP, and with a file. */
import { expandNodePath } from '../../../base/node-name.ts';
import type { Service } from '../../../base/service.ts';
import { HealthFile } from '../../../process/health/health-file.ts';
import type { WorkerParts } from '../../assembly.ts';
import { WorkerHealth } from './worker-health.ts';

/** Seconds beyond the time that two children after each other may take to start. */
const CHILDLESS_GRACE = 30;

const SERVED = ['worker_health_port', 'worker_metrics_port', 'worker_health_socket'] as const;

/** Undefined without a port or a socket. */
export function createHealth(parts: WorkerParts): Service | undefined {
  if (SERVED.every(setting => parts.app.conf.get(setting) === null)) return undefined;
  let servers: Service | undefined;
  let isStopped = false;
  return {
    async start() {
      const { serveHealth } = await import('./served.ts');
      if (isStopped) return;
      servers = serveHealth(parts, healthOf(parts));
      await servers.start();
    },
    async stop() {
      isStopped = true;
      await servers?.stop();
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
