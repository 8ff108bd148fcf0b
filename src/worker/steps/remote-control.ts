import { TaskRevokedError } from '../../app/tasks/errors.ts';
import type { Service } from '../../base/service.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { revokedDocument } from '../../execute/run/result-documents.ts';
import type { WorkerParts } from '../assembly.ts';
import { Pidbox } from '../control/inbox.ts';
import { controlCommands } from '../control/tasks.ts';

/** Undefined when it is switched off, or the broker has no broadcasts. */
export function createInbox(parts: WorkerParts): Service | undefined {
  const { app, dispatcher, execution, hostname, link, logger, revoked, transport } = parts;
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
    commands: controlCommands({
      revoked,
      logger,
      storeRevoked: id => storeRevoked(id, execution),
      terminate: (id, signal) => dispatcher.terminate(id, signal),
    }),
  });
  return { start: () => link.insist(() => inbox.start()), stop: () => inbox.stop() };
}

async function storeRevoked(id: string, execution: ExecutionPorts): Promise<void> {
  if (!execution.storesResults) return;
  await execution.store(revokedDocument(id, new TaskRevokedError('revoked'), execution));
}
