/** A TCP proxy in front of a server of this machine, with a network that can be made to fail. */
import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Ends every connection with a reset. */
  drop(): void;
  /** Bytes are held back until `resume`, in order; new connections too. */
  pause(): void;
  /** Bytes vanish, both ways and for ever, on every connection there is now; nobody is told. */
  blackHole(): void;
  resume(): void;
  /**
   * Shows what comes by; a connection on which the answer is `reset` ends there, without
   * what was shown.
   */
  watch(watcher: Watcher | undefined): void;
  close(): Promise<void>;
}

export type Watcher = (bytes: Buffer, from: 'client' | 'server') => 'pass' | 'reset';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let isPaused = false;
  let watcher: Watcher | undefined;

  const relay = (from: Socket, to: Socket, side: 'client' | 'server') => {
    from.on('data', chunk => {
      if (watcher?.(chunk, side) === 'reset') {
        for (const socket of [from, to]) socket.resetAndDestroy();
        return;
      }
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (!isPaused) from.resume();
    });
  };
  const listener: Server = createServer({ pauseOnConnect: true }, client => {
    const server = new Socket().connect(targetPort, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    relay(client, server, 'client');
    relay(server, client, 'server');
    if (isPaused) server.pause();
    else client.resume();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  const each = (action: (socket: Socket) => void) => {
    for (const { client, server } of pairs) {
      action(client);
      action(server);
    }
  };
  return {
    port: address.port,
    get connections() {
      return pairs.size;
    },
    drop: () => each(socket => socket.resetAndDestroy()),
    pause: () => {
      isPaused = true;
      each(socket => socket.pause());
    },
    blackHole: () =>
      each(socket => {
        socket.removeAllListeners('data');
        socket.removeAllListeners('drain');
        socket.resume();
      }),
    watch: next => {
      watcher = next;
    },
    resume: () => {
      isPaused = false;
      each(socket => socket.resume());
    },
    close: async () => {
      each(socket => socket.destroy());
      listener.close();
      await once(listener, 'close');
    },
  };
}
