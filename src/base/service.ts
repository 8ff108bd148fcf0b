/**
 * Anything that runs in the background.
 *
 * `start` resolves when the service is ready or rejects and leaves nothing behind.
 * `stop` may be called twice, or before `start`, and resolves when nothing is left running.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}
