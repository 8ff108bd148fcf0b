import { SUCCESS } from '../../wire/results/states.ts';
import type { Reply } from './reply-message.ts';

/** Results kept after they were read, for another handle of the same task. */
const MAX_READ = 1000;
/** Characters or bytes of those, since a thousand of them may be large. */
const MAX_READ_LENGTH = 1_000_000;
/** Expired results looked for on each arrival; more than one, so that the store shrinks. */
const PURGED_PER_ARRIVAL = 4;

interface Kept {
  readonly reply: Reply;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

export interface KeptRepliesOptions {
  /** Seconds that a result is kept; 0 or null is for ever. */
  readonly expires: number | null;
  /** Results that nobody has read yet; the oldest are dropped beyond that. */
  readonly maxUnread: number;
  readonly onDropped: () => void;
}

/** What arrived at the reply queue: all that is unread, and the last few that were read. */
export class KeptReplies {
  readonly #options: KeptRepliesOptions;
  readonly #lifetimeMs: number;
  /** Both oldest first, which is the order in which they are dropped. */
  readonly #unread = new Map<string, Kept>();
  readonly #read = new Map<string, Kept>();
  #readLength = 0;

  constructor(options: KeptRepliesOptions) {
    this.#options = options;
    this.#lifetimeMs = options.expires ? options.expires * 1000 : Number.POSITIVE_INFINITY;
  }

  get unread(): number {
    return this.#unread.size;
  }

  get read(): number {
    return this.#read.size;
  }

  /** @returns false when the task has succeeded already, which is final */
  add(reply: Reply): boolean {
    const { taskId } = reply;
    if (this.get(taskId)?.status === SUCCESS) return false;
    this.delete(taskId);
    this.#unread.set(taskId, { reply, deadline: Date.now() + this.#lifetimeMs });
    this.#purge();
    return true;
  }

  get(taskId: string): Reply | undefined {
    const kept = this.#unread.get(taskId) ?? this.#read.get(taskId);
    return kept && kept.deadline > Date.now() ? kept.reply : undefined;
  }

  markRead(taskId: string): void {
    const kept = this.#unread.get(taskId);
    if (!kept) return;
    this.#unread.delete(taskId);
    this.#read.set(taskId, kept);
    this.#readLength += kept.reply.content.length;
    for (const oldest of this.#read.keys()) {
      if (this.#read.size <= MAX_READ && this.#readLength <= MAX_READ_LENGTH) break;
      this.#deleteRead(oldest);
    }
  }

  delete(taskId: string): void {
    this.#unread.delete(taskId);
    this.#deleteRead(taskId);
  }

  /** Deletes all that expired. @returns how many */
  deleteExpired(): number {
    const expired = [...this.#unread, ...this.#read].filter(
      ([, { deadline }]) => deadline <= Date.now(),
    );
    for (const [taskId] of expired) this.delete(taskId);
    return expired.length;
  }

  #deleteRead(taskId: string): void {
    const kept = this.#read.get(taskId);
    if (!kept) return;
    this.#read.delete(taskId);
    this.#readLength -= kept.reply.content.length;
  }

  #purge(): void {
    const now = Date.now();
    let looked = 0;
    for (const [taskId, { deadline }] of this.#unread) {
      const tooMany = this.#unread.size > this.#options.maxUnread;
      if (deadline <= now || tooMany) this.#unread.delete(taskId);
      if (tooMany && deadline > now) this.#options.onDropped();
      if (++looked >= PURGED_PER_ARRIVAL) break;
    }
  }
}
