/**
 * What `new Celery` and `app.task` were called with: JavaScript has no compiler that finds a URL in
 * the place of options.
 */
import { isClass } from '../../base/kind-of.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { TaskOptions } from '../options/task-options.ts';
import type { TaskFunction } from './definition.ts';

interface Declaration {
  /** Undefined when it is to be derived from the function's. */
  readonly name: string | undefined;
  readonly options: TaskOptions;
  readonly run: TaskFunction;
}

const FORMS = 'app.task("proj.add", {…}, (x, y) => x + y), where name and options may be left out';

/** The forms of `app.task`: name, options and function, of which the first two may be left out. */
export function readDeclaration(given: readonly unknown[]): Declaration {
  const [first] = given;
  const name = typeof first === 'string' ? first : undefined;
  const rest = name === undefined ? given : given.slice(1);
  const options = typeof rest[0] === 'function' ? {} : rest[0];
  const [run, ...surplus] = typeof rest[0] === 'function' ? rest : rest.slice(1);
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `app.task needs ${name === undefined ? 'a name, options or a function' : 'options or the function of the task'}, got ${saferepr(options)}: ${FORMS}.`,
    );
  }
  if (typeof run !== 'function') {
    const whose = name === undefined ? '' : ` ${JSON.stringify(name)}`;
    throw new TypeError(
      `app.task needs the function of the task${whose}, got ${saferepr(run)}: ${FORMS}.`,
    );
  }
  if (isClass(run)) {
    throw new TypeError(
      `app.task was given the class ${run.name}: a task as a class is registered with app.registerTask(${run.name}).`,
    );
  }
  const extra = surplus.filter(value => value !== undefined);
  if (extra.length > 0) {
    throw new TypeError(
      `app.task takes nothing after the function, got ${saferepr(extra[0])}: ${FORMS}.`,
    );
  }
  return { name, options, run: run as TaskFunction };
}

/** @throws TypeError for a name that is no text and options that are no object */
export function checkAppArguments(main: unknown, options: unknown): void {
  if (typeof main !== 'string') {
    throw new TypeError(
      `new Celery needs the name of the app first, got ${saferepr(main)}: ${APP_FORM}.`,
    );
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(
      `new Celery takes options after the name, got ${optionsRepr(options)}: ${APP_FORM}.`,
    );
  }
}

const APP_FORM = 'new Celery("proj", { broker: "redis://…" })';

/** A URL given in their place may hold a password. */
function optionsRepr(options: unknown): string {
  return typeof options === 'string' ? 'a text' : saferepr(options);
}
