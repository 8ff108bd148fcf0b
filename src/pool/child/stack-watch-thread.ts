/** The thread of `stack-watch.ts`: tells the stack of the main thread when the parent asks. */
import { Socket } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { STACK_FD } from '../messages.ts';
import { stackOfMain } from '../stacks/stack-of-main.ts';

/** Each byte is a question; the answers are lines of JSON. */
function answer(socket: Socket): void {
  socket.on('error', () => {});
  socket.on('data', async () => {
    const stack = await stackOfMain();
    socket.write(`${JSON.stringify(stack ?? null)}\n`);
  });
}

answer(new Socket({ fd: STACK_FD, readable: true, writable: true }));
parentPort!.postMessage('listening');
