/**
 * Errors that nothing caught, thrown by a callback or left in a promise: the run that they
 * arose in fails with them, where that is known.
 *
 * Node's monitor event changes nothing about an error. A listener that keeps the process alive
 * is added for those of our tasks alone, so all others end it, or reach the program's own
 * listeners, as if nobody had looked.
 */
import type { Logger } from '../../base/logger.ts';
import { textOfThrown } from '../../execute/outcome-of.ts';
import { blameCurrentTask } from '../../execute/task-context.ts';

export interface StrayErrorEars {
  /** The error was a task's, and the process goes on. */
  onTask?(): void;
  /** It was nobody's, and is about to end the process if the program does not prevent that. */
  onUnknown?(error: unknown): void;
}

const ears = new Set<StrayErrorEars>();

export function watchStrayErrors(own: StrayErrorEars): () => void {
  if (ears.size === 0) process.on('uncaughtExceptionMonitor', look);
  ears.add(own);
  return () => {
    if (ears.delete(own) && ears.size === 0) process.off('uncaughtExceptionMonitor', look);
  };
}

function look(error: unknown): void {
  const isTasks = blameCurrentTask(error) !== undefined;
  if (isTasks) survive();
  for (const { onTask, onUnknown } of ears) {
    if (isTasks) onTask?.();
    else onUnknown?.(error);
  }
}

/** A program that listens decides itself. */
function survive(): void {
  if (process.hasUncaughtExceptionCaptureCallback()) return;
  if (process.listenerCount('uncaughtException') === 0) process.once('uncaughtException', () => {});
}

/** Node writes it to the terminal too, which nobody may be reading. */
export function logFatal(logger: Logger, error: unknown): void {
  logger.critical(`The process ends, as nothing caught this error: ${textOfThrown(error)}`);
}
