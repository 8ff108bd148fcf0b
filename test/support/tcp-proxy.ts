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
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let isPaused = false;

  const relay = (from: Socket, to: Socket) => {
    from.on('data', chunk => {
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
    relay(client, server);
    relay(server, client);
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
