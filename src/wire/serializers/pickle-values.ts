/**
 * The few Python objects that a pickle may build here, and how. A pickle names classes and
 * functions to call; this table is all there is to call, and nothing in it has an effect.
 */

import { SecurityError } from '../../base/errors.ts';
import type { ResultTuple, WireException } from '../result-shapes.ts';
import { reviveDateTime } from './json.ts';
import { Decimal, PyDate, PyTime, PyUuid } from './typed-value.ts';

/** A class or function that a pickle refers to. Only a name: nothing is loaded by it. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** Values that exist only inside a pickle: a time zone, a backend, a UUID without its number. */
export class Inert {
  readonly kind: 'timedelta' | 'timezone' | 'backend' | 'uuid';
  /** Seconds east of UTC of a time zone, length of a timedelta. */
  readonly seconds: number;

  constructor(kind: Inert['kind'], seconds = 0) {
    this.kind = kind;
    this.seconds = seconds;
  }
}

const EXCEPTION_MODULES = /^(?:celery|billiard|kombu)\.exceptions$/;
const EXCEPTION_NAME = /(?:Error|Exception|Warning|Interrupt|Exit|StopIteration|NotRegistered)$/;
const BACKEND_CLASS = /^celery\.backends\.[\w.]+Backend$/;

/** Protocol 2 uses the old names even when Python 3 writes it. */
const PYTHON_2_MODULES: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['exceptions', 'builtins'],
]);

const REDUCERS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  'datetime.datetime': ([state, zone]) => dateTime(bytes(state, 10), zone),
  'datetime.date': ([state]) => new PyDate(dateText(bytes(state, 4))),
  'datetime.time': ([state, zone]) => new PyTime(timeText(bytes(state, 6), 0) + offsetText(zone)),
  'datetime.timedelta': args => {
    const [days = 0, seconds = 0, micros = 0] = args.map(Number);
    return new Inert('timedelta', days * 86400 + seconds + micros / 1e6);
  },
  'datetime.timezone': ([delta]) =>
    new Inert('timezone', delta instanceof Inert ? delta.seconds : 0),
  'decimal.Decimal': ([text]) => new Decimal(String(text)),
  // How protocol 2, which has no bytes, writes them.
  '_codecs.encode': ([text]) => Buffer.from(String(text), 'latin1'),
  'uuid.UUID': () => new Inert('uuid'),
  'celery.backends.base.unpickle_backend': () => new Inert('backend'),
  'celery.app.base._unpickle_appattr': ([name, args]) => resultHandle(name, args),
  // how a result that was made without an app is pickled
  'celery.result.GroupResult': args => resultHandle('GroupResult', args),
  'celery.result.AsyncResult': args => resultHandle('AsyncResult', args),
  'collections.OrderedDict': () => ({}),
  'builtins.set': ([items]) => new Set(Array.isArray(items) ? items : []),
  'builtins.frozenset': ([items]) => new Set(Array.isArray(items) ? items : []),
  'builtins.bytearray': ([state]) => (state instanceof Uint8Array ? state : Buffer.alloc(0)),
};

/** Throws SecurityError for every name that is not in the table. */
export function pyGlobal(module: string, name: string): PyGlobal {
  const found = new PyGlobal(PYTHON_2_MODULES.get(module) ?? module, name);
  const allowed =
    Object.hasOwn(REDUCERS, found.path) || isException(found) || BACKEND_CLASS.test(found.path);
  if (allowed) return found;
  throw refused(found.path);
}

export function refused(what: string): SecurityError {
  return new SecurityError(
    `Refusing to read a pickle that refers to ${what.slice(0, 120)}: only plain data, dates, numbers, exceptions and Celery's group results are read.`,
  );
}

/** What calling `callee` with these arguments stands for. Throws SecurityError. */
export function reduce(callee: unknown, args: unknown): unknown {
  if (!(callee instanceof PyGlobal)) throw refused('a call of something that is not a class');
  const list = Array.isArray(args) ? args : [];
  const reducer = Object.hasOwn(REDUCERS, callee.path) ? REDUCERS[callee.path] : undefined;
  if (reducer !== undefined) return reducer(list);
  if (!isException(callee)) throw refused(callee.path);
  const exception: WireException = {
    exc_type: callee.name,
    exc_message: list,
    exc_module: callee.module,
  };
  return exception;
}

/** A UUID from the state that follows its shell in the pickle. */
export function buildUuid(state: unknown): PyUuid {
  const int = (state as { int?: unknown } | null)?.int;
  if (typeof int !== 'bigint' && typeof int !== 'number') throw refused('a UUID without a number');
  const hex = BigInt(int).toString(16).padStart(32, '0');
  return new PyUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

function isException({ module, name }: PyGlobal): boolean {
  return EXCEPTION_MODULES.test(module) || EXCEPTION_NAME.test(name);
}

function bytes(state: unknown, length: number): Uint8Array {
  if (state instanceof Uint8Array && state.length >= length) return state;
  throw refused('a date without its bytes');
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

function dateText(state: Uint8Array): string {
  const year = state[0]! * 256 + state[1]!;
  return `${pad(year, 4)}-${pad(state[2]! & 0x7f)}-${pad(state[3]!)}`;
}

function timeText(state: Uint8Array, at: number): string {
  const [hour = 0, minute = 0, second = 0, high = 0, middle = 0, low = 0] = state.subarray(at);
  const micros = high * 65536 + middle * 256 + low;
  const fraction = micros === 0 ? '' : `.${pad(micros, 6)}`;
  return `${pad(hour & 0x7f)}:${pad(minute)}:${pad(second)}${fraction}`;
}

function offsetText(zone: unknown): string {
  if (zone === undefined || zone === null) return '';
  if (!(zone instanceof Inert) || zone.kind !== 'timezone') throw refused('a time zone');
  const minutes = Math.round(Math.abs(zone.seconds) / 60);
  return `${zone.seconds < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

function dateTime(state: Uint8Array, zone: unknown): unknown {
  const text = `${dateText(state)}T${timeText(state, 4)}${offsetText(zone)}`;
  return reviveDateTime(text) ?? text;
}

/** AsyncResult and GroupResult as the result tuples that JSON backends store. */
function resultHandle(name: unknown, args: unknown): ResultTuple {
  const [id, second, , , parent] = Array.isArray(args) ? args : [];
  if (typeof id !== 'string') throw refused('a result without an id');
  if (name === 'AsyncResult') return [[id, asTuple(parent)], null];
  if (name === 'GroupResult' || name === 'ResultSet') {
    return [[id, null], Array.isArray(second) ? (second as ResultTuple[]) : []];
  }
  throw refused(`celery.app.base._unpickle_appattr(${String(name).slice(0, 40)})`);
}

function asTuple(parent: unknown): ResultTuple | null {
  return Array.isArray(parent) ? (parent as ResultTuple) : null;
}
