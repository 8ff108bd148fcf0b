/** A thread of a child that tells the stack of its main thread when the parent asks. */
import { Socket } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { STACK_FD } from '../messages.ts';
import { stackOfMain } from '../stacks/stack-of-main.ts';

/** MiB: it runs next to nothing. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** Resolves when it listens, or there is none: that is no reason not to work. */
export function startStackWatch(): Promise<void> {
  return new Promise(resolve => {
    const watch = new Worker(new URL(import.meta.url), { resourceLimits: LIMITS });
    watch.on('error', () => {});
    watch.once('message', resolve);
    watch.once('exit', () => resolve());
    watch.unref();
  });
}

/** Each byte is a question; the answers are lines of JSON. */
function answer(socket: Socket): void {
  socket.on('error', () => {});
  socket.on('data', async () => {
    const stack = await stackOfMain();
    socket.write(`${JSON.stringify(stack ?? null)}\n`);
  });
}

if (!isMainThread) {
  answer(new Socket({ fd: STACK_FD, readable: true, writable: true }));
  parentPort!.postMessage('listening');
}
