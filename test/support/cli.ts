/** Runs `tscelery` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import { program } from './program.ts';

/** What would change the meaning of a command line. */
const OWN_VARIABLES =
  /^(TSCELERY_|CELERY_|REMAP_SIGTERM|NODE_TEST_CONTEXT)|^(APP|BROKER_URL|RESULT_BACKEND|CONFIG_MODULE|NO_COLOR|FORCE_COLOR)$/;
const TIMEOUT_SECONDS = 30;

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. */
  readonly input?: string;
  /** Options for node itself. */
  readonly nodeOptions?: readonly string[];
  /** Number of the user who runs it; root only. */
  readonly uid?: number;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is still running. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when stdout or stderr matches; rejects after `seconds` or when the command ended without. */
  sees(pattern: RegExp, seconds?: number): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the command has ended; kills it and rejects after `seconds`. */
  ended(seconds?: number): Promise<CliResult>;
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const nodeArgs = [...program.nodeArgs, ...(options.nodeOptions ?? []), program.entry, ...args];
  const child = spawn(process.execPath, nodeArgs, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    env: { ...cleanEnvironment(), ...program.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(options.input ?? '');
  const closed = once(child, 'close');
  let isClosed = false;
  closed.then(() => {
    isClosed = true;
  });
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    sees: async (pattern, seconds = TIMEOUT_SECONDS) => {
      const match = await eventually(
        () => {
          // Nothing more comes from a command that has ended, so there is nothing to wait for.
          const isOver = isClosed;
          const found = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (found === null && !isOver) throw new Error(`no ${pattern} in\n${stdout}\n${stderr}`);
          return found;
        },
        { seconds },
      );
      if (match) return match;
      const end = child.exitCode ?? child.signalCode;
      throw new Error(`no ${pattern}; the command ended with ${end}\n${stdout}\n${stderr}`);
    },
    kill: signal => void child.kill(signal),
    ended: async (seconds = TIMEOUT_SECONDS) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
      const [code, signal] = await closed;
      clearTimeout(timer);
      return { code, signal, stdout, stderr };
    },
  };
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended();
}

/** What a person has who has set nothing of ours. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.test(name)),
  );
}
