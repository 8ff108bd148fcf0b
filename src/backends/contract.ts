/**
 * What a result store has to offer. One file or folder per implementation; all of them
 * pass `test/contract/backend.contract.ts`. A store keeps documents and tells who waits;
 * it knows nothing about tasks or workflows.
 */

import type { Transport } from '../messaging/contract.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';

export type MetaListener = (meta: ResultMeta) => void;
export type ProblemListener = (error: Error) => void;

/** A part of a chord that has ended: a task of its header, or one added later. */
export interface ChordPart {
  readonly taskId: string;
  /** Its place in the header (`group_index`); null when its message told none. */
  readonly index: number | null;
  /** SUCCESS, FAILURE or REVOKED. */
  readonly status: string;
  /** As in a result document: the value, or what describes the error. */
  readonly result: unknown;
}

/** What is known of a chord whose body has not been sent. */
export interface ChordProgress {
  /** With what it has grown by; undefined while its header is still being sent. */
  readonly size: number | undefined;
  /** In the order of the header; those without index follow. */
  readonly parts: readonly ChordPart[];
}

/**
 * Counts the parts of chords. Every method rejects with BackendStoreError or BackendGetMetaError
 * when the store cannot be reached, and may be called again then.
 */
export interface ChordStore {
  /** How many parts will answer: told once, before the last of them is sent. */
  setSize(groupId: string, size: number): Promise<void>;
  /** `count` parts more than that (`addToChord`), told by a part that has not ended yet. */
  grow(groupId: string, count: number): Promise<void>;
  /**
   * A part has ended. Its task counts once, however often and with whatever outcome it is told; the
   * first one stays. Resolves with all parts, in the order of the header, those without index last,
   * for the one caller who now has to send the body and then to `close`; with undefined for all
   * others. When that caller does not close it for `chordLease` seconds, whoever tells a part again
   * takes its place.
   *
   * @throws EncodeError when the result cannot be written
   */
  addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | undefined>;
  /**
   * The body was sent, or what became of it is stored: nothing that is told later changes anything,
   * for as long as results are kept. Idempotent.
   */
  close(groupId: string): Promise<void>;
  /** Undefined for one that is closed, expired or was never there. @throws BackendGetMetaError */
  progress(groupId: string): Promise<ChordProgress | undefined>;
}

export interface ResultBackend {
  /** URL scheme family, for example `redis`; `disabled` when results are thrown away. */
  readonly name: string;
  /** Without password, since it is printed: in the banner, as by Celery. */
  readonly url: string;
  /** Results are messages to the process that sent the task; nobody else can ask for them. */
  readonly onlyForSender?: boolean;
  /** Documents that have expired stay until `cleanup`; other stores forget them by themselves. */
  readonly keepsExpired?: boolean;
  /** Opens connections and creates what is missing. Idempotent; other calls do it when needed. */
  start(): Promise<void>;
  /** Idempotent; safe before `start`. Subscribers hear of it as a problem, ConnectionClosed, and then nothing more. */
  stop(): Promise<void>;
  /**
   * Store one state of a task. A stored SUCCESS is final: later calls for the same task change
   * nothing. Calls of one event-loop turn travel together.
   *
   * @param replyTo `reply_to` of the task's message, for stores that send documents there
   * @throws BackendStoreError when it cannot be known whether the document was stored
   */
  store(meta: ResultMeta, replyTo?: string | null): Promise<void>;
  /**
   * Be ready for the result of a task that is about to be published: RabbitMQ drops what is sent
   * before there is a queue. Undefined when nothing has to be waited for; missing in stores that
   * keep documents for everybody.
   */
  expect?(): Promise<unknown> | undefined;
  /** The final document was read and is kept by its reader: it need not be remembered here. */
  release?(taskId: string): void;
  /** The stored document, or undefined when there is none (Celery's PENDING). @throws BackendGetMetaError */
  fetch(taskId: string): Promise<ResultMeta | undefined>;
  /**
   * Documents of the tasks with this `group_id`, in no order: all that are stored are looked through,
   * which takes its time. Missing in stores that do not keep the group. @throws BackendGetMetaError
   */
  fetchOfGroup?(groupId: string): Promise<readonly ResultMeta[]>;
  /** Forget the result. Idempotent. */
  forget(taskId: string): Promise<void>;
  /**
   * Hear of every state stored for a task from now on, by any process. Resolves when the
   * subscription is in force, so a document stored after that is not missed; documents stored
   * before are read with `fetch`. After a reconnect the newest document is delivered again.
   * The returned function ends it and leaves nothing behind. `onProblem` hears of a stored
   * document that cannot be read, and of `stop`. Neither may throw.
   */
  subscribe(
    taskId: string,
    listener: MetaListener,
    onProblem?: ProblemListener,
  ): Promise<() => Promise<void>>;
  /** Number of tasks somebody listens to; 0 when nobody waits. */
  readonly subscriptions: number;
  /**
   * Groups: the ids of a saved GroupResult as its result tuple (wire-protocol form). `what` is what
   * an error calls it, without its id; by default `the group`.
   */
  storeGroup(groupId: string, tuple: unknown, what?: string): Promise<void>;
  fetchGroup(groupId: string, what?: string): Promise<unknown | undefined>;
  forgetGroup(groupId: string): Promise<void>;
  /** Missing in stores that cannot count: there `celery.chord_unlock` looks from time to time. */
  readonly chords?: ChordStore;
  /** Delete what expired. Stores that expire by themselves resolve at once. @returns documents deleted */
  cleanup(): Promise<number>;
}

/** What a backend that sends results over the broker gets of its app. */
export interface MessagingPort {
  /** Name of the queue of replies to this app in this process, which its tasks' messages tell as `reply_to`. */
  readonly replyQueue: string;
  /** The app's connection for publishing. */
  publishing(): Promise<Transport>;
  /** A connection of its own for consuming, not connected yet. */
  consuming(): Promise<Transport>;
  warn(message: string): void;
}

export interface BackendOptions {
  /** Seconds a document is kept; 0 or null is for ever (`result_expires`). */
  readonly expires: number | null;
  /** `result_backend_transport_options`. */
  readonly transportOptions: Readonly<Record<string, unknown>>;
  /** `result_serializer`, for stores that keep documents as bytes. Default `json`. */
  readonly serializer?: string;
  /** `result_accept_content`: serializers or content types that are read; default what is written. */
  readonly accept?: readonly string[];
  /** `result_extended`: name, args, kwargs, worker, retries and queue are kept too. */
  readonly extended: boolean;
  /** Settings of one backend only, by their Celery names: `redis_socket_timeout`, `database_table_names`, … */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Seconds that whoever got the parts of a chord has for sending its body. Default 30. */
  readonly chordLease?: number;
  /** Given by an app; needed by `rpc` only. */
  readonly messaging?: MessagingPort;
}
