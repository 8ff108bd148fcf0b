/**
 * What signals mean to a worker, and to whatever else runs until it is told to stop. Handlers, the
 * first moments of a process, children of the pool and the pages of docs/ follow these rows.
 */

export type HandledSignal =
  | 'SIGTERM'
  | 'SIGINT'
  | 'SIGQUIT'
  | 'SIGHUP'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGTTIN'
  | 'SIGTTOU';

export type SignalAction =
  | 'stop'
  | 'interrupt'
  | 'quit'
  | 'restart'
  | 'report'
  | 'debugger'
  | 'grow'
  | 'shrink';

export interface SignalRow {
  readonly signal: HandledSignal;
  readonly action: SignalAction;
  /** For people. */
  readonly help: string;
  readonly exitCode?: string;
  /** Exit code with which a process leaves that has not begun yet; other signals wait until it has. */
  readonly earlyExit?: number;
  /** On a terminal it keeps the meaning that terminals give it. */
  readonly isTerminals?: boolean;
}

export const SIGNAL_TABLE: readonly SignalRow[] = [
  {
    signal: 'SIGTERM',
    action: 'stop',
    help: 'Warm stop: take nothing new, wait for running tasks. Another one changes nothing.',
    exitCode: '0',
    earlyExit: 0,
  },
  {
    signal: 'SIGINT',
    action: 'interrupt',
    help: 'Ctrl+C. Warm stop, too; a second one is QUIT.',
    exitCode: '1',
    earlyExit: 1,
  },
  {
    signal: 'SIGQUIT',
    action: 'quit',
    help: 'Cold stop: soft part if there is one, then running tasks are killed. The next QUIT or INT ends the soft part, one more the process.',
    exitCode: '0; after INT, and at once, 1',
    earlyExit: 0,
  },
  {
    signal: 'SIGHUP',
    action: 'restart',
    help: 'Warm stop, then the same command line again under the same process id. Not on a terminal.',
    isTerminals: true,
  },
  {
    signal: 'SIGUSR1',
    action: 'report',
    help: 'Writes what the worker and each child run, wait for and hold, and where they are blocked, to the log.',
  },
  {
    signal: 'SIGUSR2',
    action: 'debugger',
    help: "Opens Node's debugger on a port of 127.0.0.1 when `CELERY_RDBSIG=1` was set at the start; the next one closes it. Its address is in the log.",
  },
  {
    signal: 'SIGTTIN',
    action: 'grow',
    help: 'One more child in the pool. Not on a terminal.',
    isTerminals: true,
  },
  {
    signal: 'SIGTTOU',
    action: 'shrink',
    help: 'One child fewer. Not on a terminal.',
    isTerminals: true,
  },
];
