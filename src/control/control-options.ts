/** The options of remote control, by name and kind. */
import {
  checkArgument,
  checkOptions,
  code,
  count,
  flag,
  type Kind,
  type Kinds,
  map,
  name,
  names,
  oneOf,
  wait,
} from '../base/option-kinds.ts';
import { signalName } from '../base/process/signal-names.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { ControlReply } from '../wire/messages/control.ts';
import { CONTROL_COMMANDS } from './commands.ts';

export interface RequestOptions {
  /** Only these nodes. */
  readonly destination?: readonly string[];
  /** Only nodes whose name fits. */
  readonly pattern?: string;
  readonly matcher?: 'glob' | 'pcre';
}

export interface CallOptions extends RequestOptions {
  /** Seconds to wait for the next reply, default 1, as in Celery. */
  readonly timeout?: number;
  /**
   * Replies after which not to wait for more; default one for each destination, as each has one.
   */
  readonly limit?: number;
  /** Called with each reply as it comes. What it throws ends the wait. Celery: `callback` */
  readonly onReply?: (reply: ControlReply) => void;
}

export interface SendOptions extends CallOptions {
  /** Wait for replies; without it a command is only sent. Default false. */
  readonly reply?: boolean;
}

type ShortSignal<S = NodeJS.Signals> = S extends `SIG${infer Short}` ? Short : never;

/** A signal in one of its spellings. */
export type SignalName =
  | NodeJS.Signals
  | ShortSignal
  | Lowercase<NodeJS.Signals>
  | Lowercase<ShortSignal>
  | number;

/** How a task is revoked. */
export interface RevokeTarget extends RequestOptions {
  /** Also kill the process that runs the task. */
  readonly terminate?: boolean;
  /** How, default SIGTERM: a name in any case, with or without `SIG`, or a number. */
  readonly signal?: SignalName;
}

export interface RevokeOptions extends RevokeTarget, SendOptions {}

export const REQUEST: Kinds<RequestOptions> = {
  destination: { ...names, words: 'a list of node names' },
  pattern: name,
  matcher: oneOf('glob', 'pcre'),
};

export const CALL: Kinds<CallOptions> = { ...REQUEST, timeout: wait, limit: count, onReply: code };

export const SEND: Kinds<SendOptions> = { ...CALL, reply: flag };

export const REVOKE_TARGET: Kinds<RevokeTarget> = {
  ...REQUEST,
  terminate: flag,
  signal: signalName,
};
export const REVOKE: Kinds<RevokeOptions> = { ...REVOKE_TARGET, ...SEND };

const ids: Kind = {
  words: 'the id of a task, or a list of ids',
  accepts: value => name.accepts(value) || names.accepts(value),
};

/** @throws TypeError naming the argument or option, the value and the nearest known option */
export function checkRequest(command: unknown, args: unknown, options: object = {}): void {
  checkCommand(command, args);
  checkNodes(options, REQUEST, 'a command');
}

/** The same for a command whose replies are awaited. */
export function checkCall(command: unknown, args: unknown, options: object = {}): void {
  checkCommand(command, args);
  checkNodes(options, CALL, 'a command with replies');
}

/** The same for all commands that only look. */
export function checkInspect(options: object): void {
  checkNodes(options, CALL, 'inspect');
}

export function checkRevoke(taskIds: unknown, options: object): void {
  checkArgument(taskIds, ids, 'What revoke takes first');
  checkNodes(options, REVOKE, 'revoke');
}

/**
 * Options in a place where any key may stand would say nothing to anybody.
 *
 * @throws TypeError
 */
export function checkNoOptions(given: object, method: string, place: string): void {
  const option = Object.keys(given).find(key => Object.hasOwn(SEND, key));
  if (option === undefined) return;
  throw new TypeError(
    `${method}: ${option} is an option of the call, which stands after ${place}, and not in it.`,
  );
}

/** @throws TypeError naming the argument or the option of a command, and the value */
export function checkSend(
  command: string,
  args: Readonly<Record<string, unknown>>,
  options: object,
): void {
  const { args: kinds } = CONTROL_COMMANDS.find(({ name: each }) => each === command)!;
  for (const [each, { kind, required }] of Object.entries(kinds)) {
    if (required || args[each] != null) checkArgument(args[each], kind, `${each} of ${command}`);
  }
  checkNodes(options, SEND, command);
}

/** Options that say which nodes are meant. */
function checkNodes(options: object, kinds: Kinds<RequestOptions>, whose: string): void {
  checkOptions(options, kinds, whose);
  const { pattern, matcher } = options as RequestOptions;
  if (matcher !== 'pcre' || pattern == null) return;
  try {
    new RegExp(pattern);
  } catch (error) {
    throw new TypeError(
      `The option pattern of ${whose} must be a regular expression that JavaScript can read, as nodes of tscelery do, got ${saferepr(pattern)}: ${(error as Error).message}`,
    );
  }
}

function checkCommand(command: unknown, args: unknown): void {
  checkArgument(command, name, 'The command');
  if (args !== undefined) checkArgument(args, map, `The arguments of ${JSON.stringify(command)}`);
}
