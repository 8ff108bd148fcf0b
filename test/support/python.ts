/** Debian's Python Celery as the other side of interoperability tests. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The system's interpreter: python3-celery is a package of the system, not of a virtual environment. */
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

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
