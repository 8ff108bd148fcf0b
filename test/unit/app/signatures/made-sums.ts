import type { TestContext } from 'node:test';
import { type AnySignature, Celery, type CeleryConfig } from '../../../../src/index.ts';
import { createTestApp } from '../../../../src/testing/index.ts';

interface Setup {
  readonly settings?: CeleryConfig;
  readonly worker?: boolean;
}

/** An app on memory, with a worker in this process when that is wanted. */
export async function madeSums(t: TestContext, { settings = {}, worker = false }: Setup = {}) {
  const app = new Celery('sums');
  const add = app.task('sums.add', (x: number, y: number) => x + y);
  const double = app.task('sums.double', (x: number) => 2 * x);
  const sum = app.task('sums.sum', (xs: number[]) => xs.reduce((all, x) => all + x, 0));
  const broken = app.task('sums.broken', (x: number): number => {
    throw new RangeError(`broken ${x}`);
  });
  const heard: unknown[] = [];
  const hear = app.task('sums.hear', (...args: unknown[]) => void heard.push(args));
  const testApp = await createTestApp(app, { settings });
  t.after(() => testApp.stop());
  if (worker) await testApp.startWorker();
  return { app, add, double, sum, broken, hear, heard, testApp };
}

export const WAIT = { timeout: 5 };

export const resultOf = async (signature: AnySignature) => (await signature.delay()).get(WAIT);
