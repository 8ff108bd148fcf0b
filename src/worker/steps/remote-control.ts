import { INTERNALS } from '../../app/app-internals.ts';
import type { Service } from '../../base/service.ts';
import type { WorkerParts } from '../assembly.ts';
import { Pidbox } from '../control/inbox.ts';
import { runCommand } from '../control/run-command.ts';

/** Seconds; the broker deletes the queue when the connection ends. */
const GOODBYE_SECONDS = 5;

/** Undefined when it is switched off, or the broker has no broadcasts. */
export function createInbox(parts: WorkerParts): Service | undefined {
  const { app, execution, hostname, lamport, link, logger, stopping, transport } = parts;
  const { conf } = app;
  if (!conf.get('worker_enable_remote_control') || !transport.supportsFanout) return undefined;
  const inbox = new Pidbox({
    transport,
    hostname,
    entities: app[INTERNALS].controlEntities,
    serializer: conf.get('task_serializer'),
    accept: execution.accept,
    logger,
    lamport,
    run: (command, args) => runCommand(parts, command, args),
  });
  return {
    start: () => link.insist(() => inbox.start()),
    stop: () => stopping.farewell.say('that remote control ends', inbox.stop(), GOODBYE_SECONDS),
  };
}
