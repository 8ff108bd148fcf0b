import type { Worker } from '../worker/worker.ts';
import type { CommandService } from './run-service.ts';

export function workerService(worker: Worker): CommandService {
  return {
    name: 'worker',
    id: worker.hostname,
    program: 'celeryd',
    failed: worker.failed,
    shutdownRequested: worker.shutdownRequested,
    start: () => worker.start(),
    stop: (how, onKill) => worker.stop(how, onKill),
    activity: () => activeTasks(worker),
  };
}

function activeTasks({ state }: Worker): Record<string, string[]> {
  const requests = [...state.requests];
  return {
    'ACTIVE TASKS': requests
      .filter(request => request.state === 'active')
      .map(request => `${request.label} pid:${request.pid ?? '?'}`),
    'WAITING TASKS': requests
      .filter(request => request.state !== 'active')
      .map(request => `${request.label} ${request.state}`),
  };
}
