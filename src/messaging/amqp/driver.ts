/**
 * amqplib with our field tables in it.
 *
 * Its generated code takes the table functions from `lib/codec` when it is loaded, so they
 * are replaced before that; and in a copy of the library that only we have, because a program
 * may use amqplib for itself and should get it as it is.
 */

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { dirname, join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import type * as CallbackApi from 'amqplib/callback_api';
import { decodeFields, encodeTable } from './field-table.ts';

export type AmqpConnection = CallbackApi.Connection;
export type AmqpChannel = CallbackApi.Channel;
export type AmqpConfirmChannel = CallbackApi.ConfirmChannel;
export type AmqpMessage = CallbackApi.ConsumeMessage;
export type AmqpMessageFields = CallbackApi.Message['fields'];
export type PublishProperties = CallbackApi.Options.Publish;
/** `signal` is `net.connect`'s own. */
export type SocketOptions = CallbackApi.SocketOptions & { readonly signal?: AbortSignal };
export type ConnectOptions = CallbackApi.Options.Connect;
export type Driver = Pick<typeof CallbackApi, 'connect' | 'credentials'>;

interface Codec {
  encodeTable: typeof encodeTable;
  decodeFields: typeof decodeFields;
}

/** Brings the frames of all channels to the socket. */
interface Mux {
  readonly out: Socket;
  _readIncoming(): void;
}

/** Has a stream of frames to be sent for each channel. */
interface Channels {
  readonly channels: ({ readonly buffer: Readable } | null)[];
  readonly freeChannels: { set(number: number): void; clear(number: number): void };
  releaseChannel(number: number): void;
}

let driver: Driver | undefined;

/** The library; loaded on first use, as whoever uses another broker need not have it. */
export function amqplib(): Driver {
  driver ??= load();
  return driver;
}

export function socketOf(connection: AmqpConnection): Socket {
  return (connection.connection as unknown as { stream: Socket }).stream;
}

export function frameMaxOf(channel: AmqpChannel): number {
  const { frameMax } = channel.connection as unknown as { frameMax: number };
  return frameMax;
}

function load(): Driver {
  const require = createRequire(import.meta.url);
  const main = require.resolve('amqplib/callback_api');
  const folder = dirname(main);
  const shared = takeOut(require.cache, folder);
  try {
    const codec = require(join(folder, 'lib', 'codec.js')) as Codec;
    codec.encodeTable = encodeTable;
    codec.decodeFields = decodeFields;
    writeTogether((require(join(folder, 'lib', 'mux.js')) as { Mux: { prototype: Mux } }).Mux);
    const connection = require(join(folder, 'lib', 'connection.js')) as {
      Connection: { prototype: Channels };
    };
    releaseWhenSent(connection.Connection);
    return require(main) as Driver;
  } finally {
    takeOut(require.cache, folder);
    Object.assign(require.cache, shared);
  }
}

/** What is there to be written in one turn becomes one write: a system call for each frame is slow. */
function writeTogether({ prototype }: { readonly prototype: Mux }): void {
  const write = prototype._readIncoming;
  prototype._readIncoming = function writeAll(this: Mux) {
    this.out.cork();
    try {
      write.call(this);
    } finally {
      this.out.uncork();
    }
  };
}

/**
 * The number of a closed channel is free when everything was sent that waits behind the
 * broker's refusal, with the answer to it last: a new channel of that number would be opened
 * in the midst of the old one, and the broker would not answer.
 */
function releaseWhenSent({ prototype }: { readonly prototype: Channels }): void {
  const release = prototype.releaseChannel;
  prototype.releaseChannel = function releaseLater(this: Channels, number: number) {
    const buffer = this.channels[number]!.buffer;
    release.call(this, number);
    this.freeChannels.set(number);
    buffer.once('end', () => this.freeChannels.clear(number));
  };
}

function takeOut(cache: NodeJS.Dict<NodeJS.Module>, folder: string): NodeJS.Dict<NodeJS.Module> {
  const inside = Object.entries(cache).filter(([file]) => file.startsWith(folder + sep));
  for (const [file] of inside) delete cache[file];
  return Object.fromEntries(inside);
}
