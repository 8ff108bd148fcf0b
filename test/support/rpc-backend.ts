/** Instances of the rpc backend for tests, each with its own queue of replies. */
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { BackendOptions, MessagingPort, ResultBackend } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import type { RpcBackend } from '../../src/backends/rpc/backend.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { DEFAULT_OPTIONS } from '../contract/backend.contract.ts';

const TRANSPORT_OPTIONS = { transportOptions: {}, connectTimeout: 4, useSsl: false };

/** What an app with this broker would give; connections are closed after the test. */
export function messagingOn(url: string, t: TestContext): MessagingPort & { warnings: string[] } {
  const warnings: string[] = [];
  const open = async () => {
    const transport = await openTransport(url, TRANSPORT_OPTIONS);
    t.after(() => transport.close());
    return transport;
  };
  let publishing: ReturnType<typeof open> | undefined;
  return {
    replyQueue: `reply-${randomUUID()}`,
    publishing: () => {
      publishing ??= open();
      return publishing;
    },
    consuming: open,
    warnings,
    warn: message => warnings.push(message),
  };
}

export async function openRpc(
  t: TestContext,
  messaging: MessagingPort,
  options: Partial<BackendOptions> = {},
): Promise<RpcBackend> {
  const backend = await openBackend('rpc://', { ...DEFAULT_OPTIONS, messaging, ...options });
  t.after(() => backend.stop());
  return backend as RpcBackend;
}

interface Member {
  readonly backend: RpcBackend;
  readonly replyQueue: string;
  running: boolean;
}

/**
 * Opens instances that behave as if they shared a store, which is what the contract is about:
 * everything stored by one is sent to all, and has arrived when `store` resolves.
 */
export function sharedRpc(t: TestContext, url: string) {
  const members: Member[] = [];
  return async (options: Partial<BackendOptions> = {}): Promise<ResultBackend> => {
    const messaging = messagingOn(url, t);
    const backend = await openRpc(t, messaging, options);
    await backend.expect();
    const member: Member = { backend, replyQueue: messaging.replyQueue, running: true };
    members.push(member);
    const { store, stop, start } = backend;
    return Object.assign(backend, {
      start: () => {
        member.running = true;
        return start.call(backend);
      },
      stop: () => {
        member.running = false;
        return stop.call(backend);
      },
      store: async (meta: Parameters<typeof store>[0]) => {
        const there = members.filter(({ running }) => running);
        const marker = { ...meta, task_id: randomUUID(), status: 'MARKER', result: null };
        await Promise.all(
          there.flatMap(({ replyQueue }) => [
            store.call(backend, meta, replyQueue),
            store.call(backend, marker, replyQueue),
          ]),
        );
        await Promise.all(there.map(each => arrival(each.backend, marker.task_id)));
      },
    });
  };
}

async function arrival(backend: RpcBackend, id: string): Promise<void> {
  while (!(await backend.fetch(id))) await new Promise(done => setTimeout(done, 1));
  await backend.forget(id);
}
