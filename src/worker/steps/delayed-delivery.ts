import { NativeDelays } from '../../app/publishing/native-delays.ts';
import type { WorkerParts } from '../assembly.ts';

/** Without the broker's delays messages with an ETA wait here; that is no reason not to work. */
export async function setUpDelays({
  app,
  link,
  logger,
  queues,
  transport,
}: WorkerParts): Promise<void> {
  const { conf, clock } = app;
  const warn = (message: string) => logger.warning(message);
  const delays = new NativeDelays({
    conf,
    queues: () => app.queues,
    clock: () => clock,
    warn,
  });
  try {
    await link.insist(() => delays.setUp(transport, queues));
  } catch (error) {
    logger.error(`Native delayed delivery is not set up: ${(error as Error).message}`);
  }
}
