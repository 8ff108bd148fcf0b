/** `tscelery events --camera`: the class that the user names, and its snapshots. */
import type { Celery } from '../app/app.ts';
import { splitSpec } from '../app/loading/find-app.ts';
import { loadModule } from '../app/loading/load-module.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { systemClock } from '../base/time/clock.ts';
import { perSecond } from '../base/time/rate.ts';
import type { EventHandlers } from '../events/receiver.ts';
import { type Camera, Snapshots } from '../events/snapshot.ts';
import { UsageError } from './parsing/command-error.ts';

export interface CameraOptions {
  readonly name: string;
  readonly frequency: number;
  readonly maxrate: string | undefined;
}

/** @param listen resolves when it is interrupted */
export async function runCamera(
  app: Celery,
  { name, frequency, maxrate }: CameraOptions,
  listen: (handlers: EventHandlers) => Promise<void>,
): Promise<void> {
  const camera = await loadCamera(name);
  const state = app.events.State();
  const snapshots = new Snapshots(camera, state, {
    ...{ frequency, pause: maxrate === undefined ? 0 : pauseOf(maxrate), clock: systemClock },
    warn: text => void process.stderr.write(`${text}\n`),
  });
  process.stdout.write(`-> evcam: Taking snapshots with ${name} (every ${frequency} secs.)\n`);
  snapshots.start();
  try {
    await listen({ '*': event => state.event(event) });
  } finally {
    await snapshots.stop();
  }
}

function pauseOf(maxrate: string): number {
  try {
    const rate = perSecond(maxrate);
    return rate > 0 ? 1 / rate : 0;
  } catch (error) {
    throw new UsageError(`Invalid value for '--maxrate': ${(error as Error).message}`, {
      command: 'events',
    });
  }
}

async function loadCamera(name: string): Promise<Camera> {
  const [module, attribute] = splitSpec(name);
  const exports = await loadModule(module, process.cwd());
  const found = exports[attribute ?? 'default'];
  const camera = typeof found === 'function' ? new (found as new () => Partial<Camera>)() : found;
  if (typeof (camera as Partial<Camera> | undefined)?.onShutter === 'function') {
    return camera as Camera;
  }
  const names = Object.keys(exports);
  throw new UsageError(
    `Invalid value for '--camera': ${name} is no class with a method onShutter. The module exports: ${names.join(', ')}.${didYouMean(attribute ?? '', names)}`,
    { command: 'events' },
  );
}
