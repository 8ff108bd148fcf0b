import { CeleryError } from '../base/errors.ts';

/** Base of broker trouble. Python knows these classes as `kombu.exceptions`. */
export abstract class KombuError extends CeleryError {
  static override readonly excModule: string = 'kombu.exceptions';
}

/** The broker cannot be reached or the connection was lost; trying again may help. */
export class OperationalError extends KombuError {
  readonly code = 'OPERATIONAL';
  override readonly recoverable = true;
}

/** The connection was closed, by us or because retrying was given up. */
export class ConnectionClosed extends KombuError {
  readonly code: string = 'CONNECTION_CLOSED';
}

/** The broker refuses one operation; the connection stays. */
export class ChannelError extends KombuError {
  readonly code: string = 'CHANNEL';
}

/** The user whose login this is may not do that; what it may do goes on. */
export class AccessRefused extends ChannelError {
  override readonly code = 'ACCESS_REFUSED';
}

/** A mandatory message for which there was no queue; the broker did not keep it. */
export class Unroutable extends ChannelError {
  override readonly code = 'UNROUTABLE';
}

/** A pool or a broker's memory has no room left. */
export class LimitExceeded extends KombuError {
  readonly code: string = 'LIMIT_EXCEEDED';
}
