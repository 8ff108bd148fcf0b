import { isMap } from '../../base/kind-of.ts';
import {
  checkArgument,
  checkOptions,
  code,
  type Kind,
  type Kinds,
  name,
} from '../../base/option-kinds.ts';

/** A task or its name, the name of a node. */
export type Sender = string | { readonly name: string };

export interface ConnectOptions {
  /** Only events of this sender. */
  readonly sender?: Sender;
  /** Connecting again under the same id does nothing, so that a module may be loaded twice. */
  readonly dispatchUid?: string;
}

const named: Kind = {
  words: 'a name, or what has one (a task)',
  accepts: value =>
    name.accepts(value) ||
    ((isMap(value) || code.accepts(value)) && name.accepts((value as { name?: unknown }).name)),
};
export const CONNECT: Kinds<ConnectOptions> = { sender: named, dispatchUid: name };

/** @param receiver undefined where all that fit the options are meant */
export function checkConnection(
  receiver: unknown,
  options: ConnectOptions,
  { signal, method }: { signal: string; method: 'connect' | 'disconnect' },
): void {
  if (receiver !== undefined || method === 'connect') {
    checkArgument(receiver, code, `The receiver of the signal ${signal}`);
  }
  checkOptions(options, CONNECT, method);
}
