/** Commands about the node itself. */
import { printable } from '../../base/text/printable.ts';
import type { Handler } from './handler.ts';

export const NODE_HANDLERS = {
  /** Nobody hears of it: the worker stops. */
  shutdown({ logger, onShutdown }, { msg }) {
    logger.warning(msg == null ? 'Got shutdown from remote' : printable(String(msg)));
    onShutdown();
    return undefined;
  },
} satisfies Record<string, Handler>;
