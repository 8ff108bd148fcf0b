/** The options of remote control, by name and kind. */
import { constants } from 'node:os';
import {
  checkArgument,
  checkOptions,
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

export interface RequestOptions {
  /** Only these nodes. */
  readonly destination?: readonly string[];
  /** Only nodes whose name fits. */
  readonly pattern?: string;
  readonly matcher?: 'glob' | 'pcre';
}

export interface CallOptions extends RequestOptions {
  /** Seconds to wait for the next reply, default 1. */
  readonly timeout?: number;
  /** Replies after which not to wait for more; default the number of destinations. */
  readonly limit?: number;
}

export interface RevokeOptions extends RequestOptions {
  /** Also kill the process that runs the task. */
  readonly terminate?: boolean;
  /** How, default SIGTERM. */
  readonly signal?: NodeJS.Signals;
}

export const REQUEST: Kinds<RequestOptions> = {
  destination: { ...names, words: 'a list of node names' },
  pattern: name,
  matcher: oneOf('glob', 'pcre'),
};

export const CALL: Kinds<CallOptions> = { ...REQUEST, timeout: wait, limit: count };

const signalName: Kind = {
  ...oneOf(...Object.keys(constants.signals)),
  words: 'the name of a signal, such as "SIGTERM"',
};

export const REVOKE: Kinds<RevokeOptions> = { ...REQUEST, terminate: flag, signal: signalName };

const ids: Kind = {
  words: 'the id of a task, or a list of ids',
  accepts: value => name.accepts(value) || names.accepts(value),
};

/** @throws TypeError naming the argument or option, the value and the nearest known option */
export function checkRequest(command: unknown, args: unknown, options: object = {}): void {
  checkCommand(command, args);
  checkOptions(options, REQUEST, 'a command');
}

/** The same for a command whose replies are awaited. */
export function checkCall(command: unknown, args: unknown, options: object = {}): void {
  checkCommand(command, args);
  checkOptions(options, CALL, 'a command with replies');
}

export function checkRevoke(taskIds: unknown, options: object): void {
  checkArgument(taskIds, ids, 'What revoke takes first');
  checkOptions(options, REVOKE, 'revoke');
}

function checkCommand(command: unknown, args: unknown): void {
  checkArgument(command, name, 'The command');
  if (args !== undefined) checkArgument(args, map, `The arguments of ${JSON.stringify(command)}`);
}
