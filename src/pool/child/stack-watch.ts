/** A thread of a child that tells the stack of its main thread when the parent asks. */
import { Worker } from 'node:worker_threads';
import { ownModule } from '../../base/packages/own-modules.ts';

/** MiB: it runs next to nothing. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** Resolves when it listens, or there is none: that is no reason not to work. */
export function startStackWatch(): Promise<void> {
  return new Promise(resolve => {
    const watch = new Worker(ownModule('pool/child/stack-watch-thread'), {
      resourceLimits: LIMITS,
    });
    watch.on('error', () => {});
    watch.once('message', resolve);
    watch.once('exit', () => resolve());
    watch.unref();
  });
}
