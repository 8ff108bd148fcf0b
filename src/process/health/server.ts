/**
 * A small HTTP server for probes and scrapers. Whatever comes to it, it costs the process a bounded
 * amount of memory, open files and time.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Service } from '../../base/service.ts';
import { AddressInUse } from './errors.ts';
import { removeStaleSocket } from './stale-socket.ts';

/** Connections at once; the oldest makes room for the next one, so that idle ones lock nobody out. */
const MOST_CONNECTIONS = 32;
/** Seconds from a connection to its end, whatever comes over it or does not. */
const LONGEST_CONNECTION = 10;
/** Seconds in which a request has to be there. */
const LONGEST_REQUEST = 5;
const MOST_HEADER_BYTES = 8 * 1024;
/** Of the path of a unix socket, on every system; Node cuts off what is beyond. */
const MOST_SOCKET_BYTES = 103;

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

/** By path. Called for each request; must not throw. */
export type Pages = ReadonlyMap<string, () => Page>;

/** Where to listen. Without a host on every address; port 0 is any that is free. */
export type ServerAddress =
  | { readonly port: number; readonly host: string | undefined }
  | { readonly socket: string };

export class HealthServer implements Service {
  readonly #address: ServerAddress;
  readonly #setting: string;
  readonly #pages: Pages;
  readonly #notFound: Page;
  readonly #server: Server;
  /** In the order in which they came, with whether they brought a request. */
  readonly #connections = new Map<Socket, boolean>();
  #starting: Promise<void> | undefined;
  #isStopped = false;

  /** @param setting what the address comes from, for errors */
  constructor(address: ServerAddress, setting: string, pages: Pages) {
    this.#address = address;
    this.#setting = setting;
    this.#pages = pages;
    this.#notFound = textPage(404, `There are: ${[...pages.keys()].join(' ')}`);
    this.#server = createServer(
      {
        maxHeaderSize: MOST_HEADER_BYTES,
        headersTimeout: LONGEST_REQUEST * 1000,
        requestTimeout: LONGEST_REQUEST * 1000,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.on('connection', socket => this.#admit(socket));
  }

  /** As a person types it, when it listens. */
  get url(): string {
    if ('socket' in this.#address) return `unix:${this.#address.socket}`;
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  get paths(): string[] {
    return [...this.#pages.keys()];
  }

  /**
   * @throws AddressInUse when somebody listens there, ImproperlyConfigured when nobody can; both
   *   name the setting
   */
  start(): Promise<void> {
    this.#starting ??= this.#listen();
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#starting?.catch(() => {});
    if (!this.#server.listening) return;
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    const address = this.#address;
    try {
      if ('socket' in address) {
        checkLength(address.socket);
        await removeStaleSocket(address.socket);
      }
      if (this.#isStopped) return;
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        const options = 'socket' in address ? { path: address.socket } : address;
        this.#server.listen(options, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
      // one connection that cannot be accepted is no reason for the process to end
      this.#server.on('error', () => {});
    } catch (error) {
      throw this.#cannotListen(error as NodeJS.ErrnoException);
    }
  }

  #cannotListen(error: NodeJS.ErrnoException): Error {
    const address = this.#address;
    const where =
      'socket' in address
        ? JSON.stringify(address.socket)
        : `port ${address.port}${address.host === undefined ? '' : ` of ${address.host}`}`;
    const what = `${this.#setting}: ${where} cannot be listened on`;
    return error.code === 'EADDRINUSE'
      ? new AddressInUse(`${what}: another process does already.`, { cause: error })
      : new ImproperlyConfigured(`${what}: ${error.message}`, { cause: error });
  }

  #admit(socket: Socket): void {
    for (const oldest of this.#connections.keys()) {
      if (this.#connections.size < MOST_CONNECTIONS) break;
      this.#connections.delete(oldest);
      oldest.destroy();
    }
    this.#connections.set(socket, false);
    const end = setTimeout(() => socket.destroy(), LONGEST_CONNECTION * 1000);
    end.unref();
    socket.once('close', () => {
      clearTimeout(end);
      this.#connections.delete(socket);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method, socket, url = '' } = request;
    // one for each connection, which then ends: nothing can be piled up behind it
    if (this.#connections.get(socket) !== false) return;
    this.#connections.set(socket, true);
    const isHead = method === 'HEAD';
    const [path = ''] = url.split('?', 1);
    const { status, type, body } =
      isHead || method === 'GET' ? (this.#pages.get(path)?.() ?? this.#notFound) : NOT_ALLOWED;
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
      ...(status === NOT_ALLOWED.status && { allow: 'GET, HEAD' }),
    });
    response.end(isHead ? undefined : body);
  }
}

function checkLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MOST_SOCKET_BYTES) return;
  throw new RangeError(`its path has ${bytes} bytes and may have ${MOST_SOCKET_BYTES}`);
}

/** One line for people. */
export function textPage(status: number, line: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${line}\n` };
}

const NOT_ALLOWED = textPage(405, 'Only GET and HEAD');
