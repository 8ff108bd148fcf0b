import { printable } from '../../base/text/printable.ts';
import { agesOf, onTheWire, sharedName } from '../revoking/neighbours.ts';
import type { Handler } from './handler.ts';

export const NODE_HANDLERS = {
  /** A worker that starts tells what it knows, and hears what is known here. */
  async hello(
    { hostname, lamport, logger, revoked, stateFile },
    { from_node: from, revoked: theirs },
  ) {
    if (from === hostname) {
      // its answer tells the other one the same
      logger.warning(sharedName(hostname));
      return null;
    }
    logger.info(`sync with ${printable(String(from))}`);
    revoked.merge({ ids: agesOf(theirs), stamps: {} });
    await stateFile?.save();
    return { revoked: onTheWire(revoked), clock: lamport.value };
  },

  /** Without gossip a worker takes no part, and is none of those who could win. */
  election({ gossip }, { id, topic, action = null }) {
    gossip?.elections.elect(id, topic, action);
    return null;
  },

  /** Nobody hears of it: the worker stops. */
  shutdown({ logger, onShutdown }, { msg }) {
    logger.warning(msg == null ? 'Got shutdown from remote' : printable(String(msg)));
    onShutdown();
    return undefined;
  },
} satisfies Record<string, Handler>;
