/** Clients of a Redis server that note what they are asked and are answered by the test. */
import { EventEmitter } from 'node:events';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import type { ScriptedRedis } from '../../../../src/messaging/redis/scripts.ts';

export const replyError = (message: string): Error =>
  Object.assign(new Error(message), { name: 'ReplyError' });

export class MadeClient extends EventEmitter {
  status = 'wait';
  readonly asked: string[] = [];
  readonly connecting: Deferred<void> = deferred();
  /** What commands are answered with; an error is what they fail with. */
  answers: (name: string, args: readonly unknown[]) => unknown = () => 'OK';
  readonly stream = { destroy: () => this.end(), cork: () => {}, uncork: () => {} };

  constructor() {
    super();
    for (const name of COMMANDS) {
      Object.assign(this, { [name]: (...args: unknown[]) => this.#ask(name, args) });
    }
  }

  get port(): ScriptedRedis {
    return this as unknown as ScriptedRedis;
  }

  async connect(): Promise<void> {
    this.status = 'connecting';
    await this.connecting.promise;
    this.status = 'ready';
  }

  disconnect(): void {
    this.connecting.reject(new Error('Connection is closed.'));
    this.connecting.promise.catch(() => {});
    this.end();
  }

  /** Its connection is gone. */
  end(error?: Error): void {
    if (this.status === 'end') return;
    this.status = 'end';
    if (error) this.emit('error', error);
    queueMicrotask(() => {
      this.emit('close');
      this.emit('end');
    });
  }

  async #ask(name: string, args: readonly unknown[]): Promise<unknown> {
    this.asked.push([name, ...args].join(' '));
    const answer = await this.answers(name, args);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

const COMMANDS = [
  ...['lpush', 'rpush', 'publish', 'smembers', 'scan', 'ping', 'blmove', 'hget', 'zrem', 'set'],
  ...['subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe', 'time', 'zrevrangebyscore'],
  ...['tsceleryUnlock', 'tsceleryTurn', 'tsceleryRestore', 'hmget'],
  ...['client', 'tsceleryOpen', 'tsceleryGiveBack'],
];

/** What follows from promises that are settled has happened then. */
export const turn = () => new Promise<void>(resolve => setImmediate(resolve));
