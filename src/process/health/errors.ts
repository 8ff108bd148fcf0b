import { CeleryError } from '../../base/errors.ts';

/** A worker is to serve its health on a port, or a unix socket, that another process listens on. */
export class AddressInUse extends CeleryError {
  readonly code = 'ADDRESS_IN_USE';
}
