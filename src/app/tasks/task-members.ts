/**
 * What a class says of its tasks: options as members (`queue = 'hipri'`) and handlers as methods.
 * A name that is nearly one of them would never be read, so it is told.
 */
import { camelCase } from '../../base/text/case.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { acceptsTaskOption, checkTaskMember, TASK_OPTION_NAMES } from '../options/option-checks.ts';
import type { TaskOptions } from '../options/task-options.ts';
import { HANDLER_NAMES } from './combined-handlers.ts';

/** Belong to the declaration: a class cannot have a class, nor know the task's function. */
const NOT_MEMBERS = new Set(['base', 'handlers', 'bind', 'params']);
/** Of a task written as a class. */
const OF_CLASS_TASKS = new Set(['name', 'options', 'run']);

const OPTIONS: ReadonlySet<string> = new Set(TASK_OPTION_NAMES);
const HANDLERS: ReadonlySet<string> = new Set(HANDLER_NAMES);
/** Shorter words are near to everything. */
const SHORTEST_SLIP = 5;

type Members = Readonly<Record<string, unknown>>;

/**
 * The options among the members of an instance of a base class, or of a task written as a class.
 *
 * @throws TypeError for a wrong value, for a name in Celery's spelling (`on_failure`), and for
 *   `bind` where it cannot count
 */
export function optionsOf(instance: object, isTask: boolean): TaskOptions {
  const whose = `class ${instance.constructor?.name || '(anonymous)'}`;
  const options: Record<string, unknown> = {};
  for (const [name, owner] of namesOf(instance)) {
    if (isTask && OF_CLASS_TASKS.has(name)) continue;
    if (!isOption(name, isTask)) {
      checkName(name, owner, whose);
      continue;
    }
    const value = (instance as Members)[name];
    if (value === undefined) continue;
    checkTaskMember(name, value, whose);
    options[name] = isMethod(name, owner) ? (value as () => unknown).bind(instance) : value;
  }
  if (!isTask && (instance as Members).bind === true) {
    throw new TypeError(
      `${whose}: bind belongs to the declaration of each task: app.task(name, { bind: true, base: … }, …)`,
    );
  }
  return options as TaskOptions;
}

/** The same look at the names of `handlers`. @throws TypeError for a name in Celery's spelling */
export function checkHandlerNames(handlers: object, task: string): void {
  for (const [name, owner] of namesOf(handlers)) {
    if (!isOption(name, true)) checkName(name, owner, `The handlers of ${task}`);
  }
}

/** `over` in place of `under`, where it says anything; null says something. */
export function mergedOptions(under: TaskOptions, over: TaskOptions): TaskOptions {
  const given = Object.entries(over).filter(([, value]) => value !== undefined);
  return { ...under, ...Object.fromEntries(given) };
}

function isOption(name: string, isTask: boolean): boolean {
  return OPTIONS.has(name) && (!NOT_MEMBERS.has(name) || (isTask && name !== 'base'));
}

/** Everything that is the user's, with the object that has it; the nearest of one name. */
function namesOf(instance: object): Map<string, object> {
  const names = new Map<string, object>();
  let owner: object | null = instance;
  while (owner !== null && owner !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(owner)) {
      if (name !== 'constructor' && !names.has(name)) names.set(name, owner);
    }
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return names;
}

/** Without running a getter, which is code of others. */
function plainValue(name: string, owner: object): unknown {
  return Object.getOwnPropertyDescriptor(owner, name)?.value;
}

/** A method such as `shadowName() {}`, which is bound, as opposed to a field that holds a class. */
function isMethod(name: string, owner: object): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  return descriptor?.enumerable === false && typeof descriptor.value === 'function';
}

function checkName(name: string, owner: object, whose: string): void {
  if (HANDLERS.has(name)) return;
  const camel = camelCase(name);
  if (camel !== name && (HANDLERS.has(camel) || OPTIONS.has(camel))) {
    throw new TypeError(`${whose}: ${name} is written ${camel} here.`);
  }
  const hint = slipHint(name, plainValue(name, owner));
  if (hint === '') return;
  process.emitWarning(`${whose}: nothing reads its member ${name}.${hint}`, 'TsceleryWarning');
}

function slipHint(name: string, value: unknown): string {
  if (name.length < SHORTEST_SLIP || name.startsWith('_') || value === undefined) return '';
  if (typeof value === 'function') return didYouMean(name, HANDLERS);
  const fitting = TASK_OPTION_NAMES.filter(option => acceptsTaskOption(option, value));
  return didYouMean(name, fitting);
}
