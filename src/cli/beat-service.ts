import type { Celery } from '../app/app.ts';
import type { Logger } from '../base/logger.ts';
import { systemClock } from '../base/time/clock.ts';
import type { Beat } from '../beat/service.ts';
import type { CommandService } from './run-service.ts';

/** Seconds for what is being sent when beat is told to stop. */
const STOP_PATIENCE = 5;

export function beatService(app: Celery, beat: Beat): CommandService {
  const close = () => app.close();
  return {
    name: 'beat',
    title: words => `celery beat ${words}`.trimEnd(),
    isPlain: true,
    failed: beat.failed,
    failureText: error =>
      `beat raised exception ${error.constructor.name}: ${error.stack ?? error}`,
    shutdownRequested: new Promise(() => {}),
    start: () => beat.start(),
    async stop(how) {
      // what hangs in a broker that does not answer ends when its connection is closed
      const timer = systemClock.after(how === 'warm' ? STOP_PATIENCE : 0, close);
      try {
        await beat.stop();
      } finally {
        timer.cancel();
        await close();
      }
    },
    activity: () => beat.activity(),
  };
}

/** A worker with a beat in it (`-B`), which starts when the worker is ready and ends before it. */
export function withBeat(service: CommandService, beat: Beat, logger: Logger): CommandService {
  return {
    ...service,
    failed: Promise.race([service.failed, beat.failed]),
    async start() {
      await service.start();
      try {
        await beat.start();
      } catch (error) {
        await service.stop('cold');
        throw error;
      }
    },
    async stop(how, onKill) {
      logger.info('beat: Shutting down...');
      const ended = beat.stop();
      const patience = new Promise<void>(resolve => {
        systemClock.after(how === 'warm' ? STOP_PATIENCE : 0, resolve, { unref: true });
      });
      await Promise.race([ended, patience]);
      await Promise.all([service.stop(how, onKill), ended]);
    },
    activity: async () => ({ ...(await service.activity()), ...(await beat.activity()) }),
  };
}
