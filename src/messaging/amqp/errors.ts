/** amqplib's errors as ours. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { maskIn } from '../../base/text/mask-url.ts';
import {
  AccessRefused,
  ChannelError,
  ConnectionClosed,
  OperationalError,
} from '../../drivers/errors.ts';
import type { ServerUrl } from '../../drivers/url.ts';

export const ACCESS_REFUSED = 403;
export const NOT_FOUND = 404;
export const RESOURCE_LOCKED = 405;
export const PRECONDITION_FAILED = 406;
const NOT_IMPLEMENTED = 540;
/** Of these the broker is to blame, and another try may help. */
const TRANSIENT = new Set([311, 320, 501, 504, 506, 541]);

export function replyCode(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

function textOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  // several addresses were tried: what the first said is in `errors`
  const inner = (error as AggregateError).errors?.[0] as Error | undefined;
  return message || inner?.message || String(code ?? error);
}

/** What the broker said, without amqplib's words around it. */
function serverText(text: string): string {
  return /"([A-Z_]+ - .*)"$/s.exec(text)?.[1] ?? text;
}

const safe = (text: string, urls: readonly ServerUrl[]) =>
  urls.reduce((masked, url) => maskIn(masked, url.text), text);

function isOurs(error: unknown): error is Error {
  return (
    error instanceof OperationalError ||
    error instanceof ChannelError ||
    error instanceof ConnectionClosed ||
    error instanceof ImproperlyConfigured
  );
}

/** A failed attempt to connect, to `vhost` among others. */
export function connectError(error: unknown, urls: readonly ServerUrl[], vhost: string): Error {
  if (isOurs(error)) return error;
  const text = safe(textOf(error), urls);
  // amqplib does not hand on what the broker has to say there
  if (text.includes('Expected ConnectionOpenOk; got <ConnectionClose')) {
    return new ChannelError(
      `The broker refuses the connection: there is no virtual host ${JSON.stringify(vhost)}, or the user may not use it.`,
    );
  }
  const refused = /\((ACCESS.REFUSED|NOT.ALLOWED)\)/.test(text);
  const said = serverText(text.replace(/^Handshake terminated by server: /, ''));
  if (refused) return new ChannelError(`The broker refuses the connection: ${said}`);
  return new OperationalError(`Error connecting to the broker: ${said}`);
}

/** A failed operation: refused by the broker (ChannelError), or the connection is gone. */
export function operationError(
  error: unknown,
  doing: string,
  urls: readonly ServerUrl[],
): OperationalError | ChannelError | ConnectionClosed {
  if (
    error instanceof OperationalError ||
    error instanceof ChannelError ||
    error instanceof ConnectionClosed
  ) {
    return error;
  }
  const text = serverText(safe(textOf(error), urls));
  if (isRefusal(error)) {
    const Refusal = replyCode(error) === ACCESS_REFUSED ? AccessRefused : ChannelError;
    return new Refusal(`Error ${doing}: ${text}.`, { cause: error });
  }
  return new OperationalError(`Error ${doing}: ${text}`);
}

/** Whether the broker said no, and will say it again. */
export function isRefusal(error: unknown): error is Error {
  const code = replyCode(error);
  return code !== undefined && !TRANSIENT.has(code);
}

export const isUnsupported = (error: unknown) => replyCode(error) === NOT_IMPLEMENTED;
