/** Looks at the start whether results can be kept, before the first one is lost. */

import type { ResultBackend } from '../../backends/contract.ts';
import type { Logger } from '../../base/logger.ts';

/**
 * Opens the result store. One that cannot be reached now may be there when a task ends, so that is
 * only said; one that refuses (login, database, file) would refuse then too.
 *
 * @throws ChannelError or ImproperlyConfigured when the store refuses
 */
export async function checkBackend(
  backend: Pick<ResultBackend, 'start' | 'onlyForSender'>,
  logger: Logger,
): Promise<void> {
  // what sends results over the broker has no store of its own
  if (backend.onlyForSender) return;
  try {
    await backend.start();
  } catch (error) {
    const { recoverable, message } = error as Error & { recoverable?: boolean };
    if (!recoverable) throw error;
    logger.warning(`The result backend does not answer; tasks will try again. ${message}`);
  }
}
