/** Debian's Python Celery as the other side of interoperability tests. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The system's interpreter: python3-celery is a package of the system, not of a virtual environment. */
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';
/** Where `python_app` is. */
export const PYTHON_FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

export interface PythonOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Seconds before it is killed; 60 by default. */
  readonly timeout?: number;
}

/** Runs `code` and resolves with what it printed; rejects with its traceback when it fails. */
export async function runPython(code: string, options: PythonOptions = {}): Promise<string> {
  const { stdout } = await run(PYTHON, ['-c', code], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    timeout: (options.timeout ?? 60) * 1000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/**
 * Runs `code` with `data` as the Python variable of that name and resolves with what the code
 * left in `out`; both travel as JSON.
 */
export async function python<T>(
  code: string,
  data: unknown = {},
  options: PythonOptions = {},
): Promise<T> {
  const program = [
    'import json, os',
    'data = json.loads(os.environ["TSCELERY_TEST_DATA"])',
    'out = None',
    code,
    'print("\\n" + json.dumps(out))',
  ].join('\n');
  const env = { ...options.env, TSCELERY_TEST_DATA: JSON.stringify(data) };
  const printed = await runPython(program, { ...options, env });
  return JSON.parse(printed.trimEnd().split('\n').at(-1) ?? 'null') as T;
}

let available: Promise<boolean> | undefined;

/** Whether Python Celery is installed here; tests that need it are skipped otherwise. */
export function pythonCelery(): Promise<boolean> {
  available ??= runPython('import celery').then(
    () => true,
    () => false,
  );
  return available;
}

export interface RunningCelery {
  /** What it has printed. */
  readonly text: string;
  kill(signal: NodeJS.Signals): void;
  /** Kills it. */
  stop(): Promise<void>;
}

/** A command of Python's Celery with the app of test/fixtures/python_app.py. */
export function startCelery(settings: object, ...words: string[]): RunningCelery {
  const child = spawn(PYTHON, ['-u', '-m', 'celery', '-A', 'python_app', ...words], {
    cwd: PYTHON_FIXTURES,
    env: {
      ...process.env,
      TEST_SETTINGS: JSON.stringify(settings),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', more => {
      text += more;
    });
  }
  const closed = once(child, 'close');
  return {
    get text() {
      return text;
    },
    kill: signal => void child.kill(signal),
    async stop() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
