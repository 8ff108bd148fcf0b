/** Exit codes of every command, as Celery's. */
export const EXIT = {
  ok: 0,
  /** An error, or a worker that was stopped by Ctrl+C. */
  failure: 1,
  /** A wrong option, an unknown command, an app that cannot be loaded. */
  usage: 2,
  /** Nobody answered, or the broker cannot be reached (inspect, control, status). */
  unavailable: 69,
  /** The pidfile belongs to a process that is alive, or such a one has the port of the health. */
  cantCreate: 73,
} as const;
