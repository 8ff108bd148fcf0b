/** The only beat there is: for a schedule that is kept where no other beat can see it. */
import type { Claim, Election, Lease } from './contract.ts';

export class LocalElection implements Election {
  readonly info = 'local';

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async acquire(): Promise<Lease> {
    return new LocalLease();
  }

  async holder(): Promise<undefined> {
    return undefined;
  }
}

class LocalLease implements Lease {
  readonly token = 0;
  readonly remembered = new Map();

  async renew(): Promise<boolean> {
    return true;
  }

  async claim(_claims: readonly Claim[]): Promise<void> {}

  async forget(): Promise<void> {}

  async release(): Promise<void> {}
}
