import { CeleryError } from '../base/errors.ts';

/** Another beat was elected: what this one was about to send or to write is not its business any more. */
export class LeadershipLost extends CeleryError {
  readonly code = 'LEADERSHIP_LOST';
}
