/** The stack of the main thread, asked for by another thread of the process. */
import { Session } from 'node:inspector';
import { pausedStack } from './paused-stack.ts';

/** Undefined when it executes no JavaScript now. @throws in the main thread */
export async function stackOfMain(): Promise<string[] | undefined> {
  const session = new Session();
  session.connectToMainThread();
  try {
    return await pausedStack({
      post: method => session.post(method),
      listen(listener) {
        session.on('inspectorNotification', told => {
          const { method, params } = told as { method: string; params: unknown };
          listener(method, params);
        });
      },
    });
  } finally {
    session.disconnect();
  }
}
