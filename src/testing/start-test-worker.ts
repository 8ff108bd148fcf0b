import type { Celery } from '../app/app.ts';
import type { TaskFunction } from '../app/tasks/definition.ts';
import {
  createTestApp,
  type TasksOf,
  type TestApp,
  type TestAppOptions,
  type TestTasks,
} from './test-app.ts';
import type { TestWorker, TestWorkerOptions } from './test-worker.ts';

type StartOptions = TestAppOptions & TestWorkerOptions;

/** A worker of an app that was made from functions. */
export type TestWorkerOf<F> = TestWorker & { readonly tasks: TasksOf<F> };

/**
 * Put an app on memory and run a worker for it in this process: no server, no socket, no child.
 * `stop` gives the app its own broker, results, settings and clock back.
 */
export async function startTestWorker(app: Celery, options?: StartOptions): Promise<TestWorker>;
/** The same with an app of its own, made from functions. */
export async function startTestWorker<const F extends Readonly<Record<string, TaskFunction>>>(
  functions: TestTasks<F>,
  options?: StartOptions,
): Promise<TestWorkerOf<F>>;
export async function startTestWorker<F extends Readonly<Record<string, TaskFunction>>>(
  source: Celery | TestTasks<F>,
  options: StartOptions = {},
): Promise<TestWorker> {
  const testApp = await (
    createTestApp as (from: typeof source, o: StartOptions) => Promise<TestApp>
  )(source, options);
  try {
    const worker = await testApp.startWorker(options);
    worker.ownsApp = true;
    return Object.defineProperty(worker, 'tasks', { value: testApp.tasks });
  } catch (error) {
    await testApp.stop();
    throw error;
  }
}
