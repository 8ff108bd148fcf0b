import type { Service } from '../../base/service.ts';
import type { WorkerParts } from '../assembly.ts';
import { Pidbox } from '../control/inbox.ts';
import { type ControlledWorker, controlCommands } from '../control/tasks.ts';
import type { Request } from '../request.ts';

/** Undefined when it is switched off, or the broker has no broadcasts. */
export function createInbox(parts: WorkerParts): Service | undefined {
  const { app, execution, hostname, link, logger, transport } = parts;
  const { conf } = app;
  if (!conf.get('worker_enable_remote_control') || !transport.supportsFanout) return undefined;
  const inbox = new Pidbox({
    transport,
    hostname,
    namespace: conf.get('control_exchange'),
    serializer: conf.get('task_serializer'),
    accept: execution.accept,
    ttl: conf.get('control_queue_ttl'),
    expires: conf.get('control_queue_expires'),
    logger,
    commands: controlCommands(controlled(parts)),
  });
  return { start: () => link.insist(() => inbox.start()), stop: () => inbox.stop() };
}

function controlled(parts: WorkerParts): ControlledWorker {
  const { admission, dispatcher, logger, revoked, unwanted } = parts;
  return {
    revoked,
    logger,
    discard(ids) {
      // one that was given to another worker is that worker's to discard
      const isMeant = (request: Request) => ids.has(request.id) && !request.delivery.lost;
      const waiting = [...admission.withdraw(isMeant), ...dispatcher.withdraw(isMeant)];
      for (const request of waiting) unwanted.revoked(request);
      return waiting.map(request => request.id);
    },
    terminate: (ids, signal) =>
      dispatcher.terminate(request => ids.has(request.id), signal).map(request => request.id),
  };
}
