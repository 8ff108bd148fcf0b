import { titleOf } from '../process/title.ts';
import type { Worker } from '../worker/worker.ts';
import type { CommandService } from './run-service.ts';

export function workerService(worker: Worker): CommandService {
  return {
    name: 'worker',
    title: words => titleOf('celeryd', `${worker.hostname}:MainProcess`, `-active- (${words})`),
    failed: worker.failed,
    shutdownRequested: worker.shutdownRequested,
    start: () => worker.start(),
    stop: (how, onKill) => worker.stop(how, onKill),
    activity: () => worker.activity(),
    resize: by => void worker.resizePool(by),
  };
}
