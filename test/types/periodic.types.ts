/**
 * Compile-time tests of `addPeriodicTask`, as in `task.types.ts`: checked, never run.
 */
import { beatLazy, Celery, chain, crontab, group } from '../../src/index.ts';

const app = new Celery('types');
const add = app.task('types.add', (x: number, y: number) => x + y);
const optional = app.task('types.optional', (x?: number, y?: number) => (x ?? 0) + (y ?? 0));
const tick = app.task('types.tick', () => 1);
const deep = app.task('types.deep', (kwargs: { deep: boolean }) => kwargs.deep);
const far = app.remoteTask<(xs: number[]) => number>('py.tsum');

export function fits(): void {
  app.addPeriodicTask(10, add.s(1, 2));
  app.addPeriodicTask(10, add.s(1), { args: [1, 2] });
  app.addPeriodicTask(10, add.si(1, 2), { name: 'n', queue: 'q' });
  app.addPeriodicTask(crontab({ minute: 0 }), add, { args: [1, 2], catchUp: 'none' });
  app.addPeriodicTask({ minutes: 5 }, add, { args: [1, beatLazy(() => 2)] });
  app.addPeriodicTask('PT5M', add, { kwargs: { x: 1, y: 2 } });
  app.addPeriodicTask(10, add, { args: [1], kwargs: { y: 2 } });
  app.addPeriodicTask(10, deep, { kwargs: { deep: true } });
  app.addPeriodicTask(10, tick);
  app.addPeriodicTask(10, optional, { args: [1], jitter: 5 });
  app.addPeriodicTask(10, optional);
  app.addPeriodicTask(10, far, { args: [[1, 2]] });
  app.addPeriodicTask(10, chain(add.s(1, 2), add.s(3)));
  app.addPeriodicTask(10, group(add.s(1, 2), tick.s()));
  app.addPeriodicTask(10, app.signature('other.where'));
}

export function mistakes(): void {
  // @ts-expect-error an argument is missing
  app.addPeriodicTask(10, add.s(1));
  // @ts-expect-error an argument is missing, with options too
  app.addPeriodicTask(10, add.s(1), { name: 'n' });
  // @ts-expect-error an argument of the first step is missing
  app.addPeriodicTask(10, chain(add.s(1), add.s(3)));
  // @ts-expect-error no arguments
  app.addPeriodicTask(10, add);
  // @ts-expect-error no arguments among the options
  app.addPeriodicTask(10, add, { name: 'n' });
  // @ts-expect-error an argument of the wrong type
  app.addPeriodicTask(10, add, { args: ['x', 1] });
  // @ts-expect-error an argument too many
  app.addPeriodicTask(10, add, { args: [1, 2, 3] });
  // @ts-expect-error an argument too few
  app.addPeriodicTask(10, add, { args: [1] });
  // @ts-expect-error an option that is none
  app.addPeriodicTask(10, tick, { catchup: 'none' });
  // @ts-expect-error a text that is no duration
  app.addPeriodicTask('10', tick);
  // @ts-expect-error the same in a setting
  new Celery('x', { beat_schedule: { e: { task: 't', schedule: '10' } } });
}
