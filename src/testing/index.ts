/** `tscelery/testing`: apps and workers in memory, and a clock, for tests of your own tasks. */

export type { LogLevel } from '../base/logger.ts';
export type { Clock, Timer } from '../base/time/clock.ts';
export { FakeClock } from './fake-clock.ts';
export type { SentTask, TaskRun } from './recorder.ts';
export { startTestWorker, type TestWorkerOf } from './start-test-worker.ts';
export {
  createTestApp,
  type TasksOf,
  type TestApp,
  type TestAppOptions,
  type TestTasks,
} from './test-app.ts';
export type { LogLine, TestWorker, TestWorkerOptions, WaitOptions } from './test-worker.ts';
