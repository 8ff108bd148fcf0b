/** The stack of a worker thread of this process. Nothing has to be prepared for that in the thread. */
import type { InspectorNotification, Session } from 'node:inspector';
import { pausedStack } from './paused-stack.ts';

interface Attached {
  readonly sessionId: string;
  /** Its title tells the thread; its id counts those that this session was told of. */
  readonly workerInfo: { readonly title: string };
}

/** Milliseconds in which each thread of the process has been told of. */
const ATTACH_MS = 1000;

/** Undefined when it executes no JavaScript now. */
export async function stackOfThread(threadId: number): Promise<string[] | undefined> {
  // only when it is needed, since it is large
  const inspector = await import('node:inspector');
  const session = new inspector.Session();
  session.connect();
  try {
    const sessionId = await attach(session, threadId);
    if (sessionId === undefined) return undefined;
    let lastId = 0;
    return await pausedStack({
      post(method) {
        const message = JSON.stringify({ id: ++lastId, method });
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
      },
      listen(listener) {
        session.on('NodeWorker.receivedMessageFromWorker', ({ params: { message, ...from } }) => {
          if (from.sessionId !== sessionId) return;
          const { method, params } = JSON.parse(message) as { method?: string; params?: unknown };
          if (method !== undefined) listener(method, params);
        });
      },
    });
  } finally {
    session.disconnect();
  }
}

function attach(session: Session, threadId: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(undefined), ATTACH_MS);
    session.on('NodeWorker.attachedToWorker', ({ params }: InspectorNotification<Attached>) => {
      if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
      clearTimeout(timer);
      resolve(params.sessionId);
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
}
