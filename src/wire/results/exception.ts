/**
 * Exceptions as data: `{exc_type, exc_message, exc_module}`. Nothing is looked up or run by
 * a name that came over the wire; classes are rebuilt from tables.
 */

import {
  CeleryError,
  ImproperlyConfigured,
  isCeleryError,
  SecurityError,
} from '../../base/errors.ts';
import { isAggregate, isError } from '../../base/kind-of.ts';
import { saferepr, stringRepr } from '../../base/text/saferepr.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from '../errors.ts';
import type { WireException } from '../result-shapes.ts';
import { jsonEncode } from '../serializers/json.ts';
import { isHollow } from '../serializers/value-kinds.ts';

/** Python's exception classes whose name a JavaScript error may have as well: Python then raises its own. */
const PYTHON_BUILTINS: ReadonlySet<string> = new Set(
  (
    'ArithmeticError AssertionError AttributeError BaseException BlockingIOError BrokenPipeError ' +
    'BufferError ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ' +
    'ConnectionResetError EOFError EnvironmentError Exception FileExistsError FileNotFoundError ' +
    'FloatingPointError IOError ImportError IndexError InterruptedError IsADirectoryError KeyError ' +
    'KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError ' +
    'NotImplementedError OSError OverflowError PermissionError ProcessLookupError RecursionError ' +
    'ReferenceError RuntimeError StopIteration SyntaxError SystemError TimeoutError TypeError ' +
    'UnicodeError ValueError ZeroDivisionError'
  ).split(' '),
);

/** Names that say nothing about an error's own class, because every subclass inherits them. */
const INHERITED_NAMES: ReadonlySet<string> = new Set([
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]);

/** The module of classes that declare none; Python then makes up a class of that name. */
const DEFAULT_MODULE = 'javascript';

export type ErrorFactory = (args: readonly unknown[]) => Error;

/** A failure of a class that we cannot rebuild, usually raised by a Python worker. */
export class RemoteTaskError extends CeleryError {
  readonly code = 'REMOTE';
  readonly excType: string;
  readonly excModule: string | null;
  readonly excMessage: readonly unknown[];
  /** Where it was raised, as the worker wrote it down. */
  traceback: string | null;

  constructor(exception: WireException, traceback: string | null = null) {
    const { exc_type, exc_message: args, exc_module } = readException(exception);
    super(messageOf(args));
    this.name = exc_type;
    this.excType = exc_type;
    this.excModule = exc_module;
    this.excMessage = args;
    this.traceback = traceback;
  }

  override get args(): readonly unknown[] {
    return this.excMessage;
  }
}

/**
 * What a thrown value looks like to Python. A class goes out under its own name and the
 * module in its `static excModule`, else under `excModule`; names that Python's builtins
 * have as well belong to `builtins`, and `Error` is `builtins.Exception`.
 */
export function encodeException(
  error: unknown,
  options: { excModule?: string } = {},
): WireException {
  try {
    if (isError(error)) return encodeError(error, options);
  } catch {
    // an error whose getters throw is shown as any other value
  }
  const text = typeof error === 'string' ? error : saferepr(error);
  return { exc_type: 'Exception', exc_message: [text], exc_module: 'builtins' };
}

function encodeError(error: Error, options: { excModule?: string }): WireException {
  if (isRemote(error)) {
    return { exc_type: error.excType, exc_message: wireArgs(error), exc_module: error.excModule };
  }
  const name = className(error);
  const declared = (error.constructor as { excModule?: unknown } | undefined)?.excModule;
  if (typeof declared === 'string') {
    return { exc_type: name, exc_message: wireArgs(error), exc_module: declared };
  }
  if (name === 'Error') {
    return { exc_type: 'Exception', exc_message: wireArgs(error), exc_module: 'builtins' };
  }
  // JavaScript's ReferenceError is a NameError to Python, whose own one is about weakrefs.
  const builtin = PYTHON_BUILTINS.has(name) && name !== 'ReferenceError';
  return {
    exc_type: name,
    exc_message: wireArgs(error),
    exc_module: builtin ? 'builtins' : (options.excModule ?? DEFAULT_MODULE),
  };
}

/**
 * The error for what a result document holds. Never throws, whatever the shape. `known` maps
 * `module.Type` or `Type` to a constructor; a class in no table becomes a RemoteTaskError, which
 * has the `traceback`.
 */
export function decodeException(
  data: unknown,
  known?: ReadonlyMap<string, ErrorFactory>,
  traceback: string | null = null,
): Error {
  const exception = readException(data);
  const { exc_type: type, exc_module: module } = exception;
  const args = exception.exc_message;
  const factory =
    known?.get(`${module}.${type}`) ?? known?.get(type) ?? OWN.get(`${module}.${type}`);
  const rebuilt = factory === undefined ? undefined : build(factory, args);
  return (
    rebuilt ?? javascriptError(module, type, args) ?? new RemoteTaskError(exception, traceback)
  );
}

/** `ValueError('bad')`, as Python's `repr` shows an exception. Never throws. */
export function exceptionRepr(error: unknown): string {
  try {
    if (!isError(error)) return saferepr(error);
    const shown = argsOf(error).map(arg =>
      typeof arg === 'string' ? stringRepr(arg) : saferepr(arg),
    );
    return `${className(error)}(${shown.join(', ')})`;
  } catch {
    return saferepr(error);
  }
}

function isRemote(error: Error): error is RemoteTaskError {
  return isCeleryError(error, 'REMOTE');
}

interface ReadException {
  exc_type: string;
  exc_message: readonly unknown[];
  exc_module: string | null;
}

function readException(data: unknown): ReadException {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    const text = data === undefined || data === null ? [] : [data];
    return { exc_type: 'Exception', exc_message: text, exc_module: 'builtins' };
  }
  const { exc_type, exc_message, exc_module } = data as Record<string, unknown>;
  let args: readonly unknown[] = [];
  if (Array.isArray(exc_message)) args = exc_message;
  else if (exc_message !== undefined && exc_message !== null) args = [exc_message];
  return {
    exc_type: typeof exc_type === 'string' && exc_type !== '' ? exc_type : 'Exception',
    exc_message: args,
    exc_module: typeof exc_module === 'string' ? exc_module : null,
  };
}

function build(factory: ErrorFactory, args: readonly unknown[]): Error | undefined {
  try {
    const error = factory(args);
    return isError(error) ? keepArgs(error, args) : undefined;
  } catch {
    return undefined;
  }
}

const OWN_CLASSES = [
  ImproperlyConfigured,
  SecurityError,
  InvalidTaskError,
  EncodeError,
  DecodeError,
  ContentDisallowed,
  SerializerNotInstalled,
];

const OWN: ReadonlyMap<string, ErrorFactory> = new Map(
  OWN_CLASSES.map(Class => [
    `${Class.excModule}.${Class.name}`,
    (args: readonly unknown[]) => new Class(messageOf(args)),
  ]),
);

function javascriptError(
  module: string | null,
  type: string,
  args: readonly unknown[],
): Error | undefined {
  const message = messageOf(args);
  if (module === 'builtins') {
    if (type === 'Exception') return keepArgs(new Error(message), args);
    if (type === 'TypeError') return keepArgs(new TypeError(message), args);
    if (type === 'SyntaxError') return keepArgs(new SyntaxError(message), args);
    return undefined;
  }
  // Python has no classes of these names, so any module that sends them means JavaScript's.
  if (type === 'RangeError') return keepArgs(new RangeError(message), args);
  if (type === 'URIError') return keepArgs(new URIError(message), args);
  if (type === 'EvalError') return keepArgs(new EvalError(message), args);
  if (type === 'ReferenceError') return keepArgs(new ReferenceError(message), args);
  return undefined;
}

/** Arguments that the message alone would not give back are kept for sending the error on. */
function keepArgs(error: Error, args: readonly unknown[]): Error {
  if (sameArgs(argsOf(error), args)) return error;
  Object.defineProperty(error, 'args', { value: args, configurable: true, writable: true });
  return error;
}

function sameArgs(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** Python's `str(exc)`, except that a lone argument is shown as text even by KeyError. */
function messageOf(args: readonly unknown[]): string {
  if (args.length === 0) return '';
  if (args.length > 1) return `(${args.map(arg => saferepr(arg)).join(', ')})`;
  const [only] = args;
  return typeof only === 'string' ? only : saferepr(only);
}

function className(error: Error): string {
  if (isRemote(error)) return error.excType;
  const name: unknown = error.name;
  const own: unknown = error.constructor?.name;
  if (typeof name === 'string' && name !== '' && !INHERITED_NAMES.has(name)) return name;
  if (typeof own === 'string' && own !== '') return own;
  return 'Error';
}

function argsOf(error: Error): readonly unknown[] {
  const args = (error as { args?: unknown }).args;
  // a hollow one would keep whoever goes through it busy for minutes
  if (Array.isArray(args)) return isHollow(args) ? [saferepr(args)] : args;
  const message = String(error.message);
  if (isAggregate(error)) {
    const inner = innerRepr(error.errors);
    return [message === '' ? inner : `${message} (${inner})`];
  }
  return message === '' ? [] : [message];
}

/** The errors of an aggregate in one line; an aggregate may hold itself, or thousands. */
function innerRepr(errors: readonly unknown[]): string {
  const shown = errors
    .slice(0, MOST_INNER)
    .map(one => (isError(one) && isAggregate(one) ? `${one.name}(...)` : exceptionRepr(one)));
  if (errors.length > MOST_INNER) shown.push(`... ${errors.length - MOST_INNER} more`);
  return shown.join('; ');
}

const MOST_INNER = 20;

function wireArgs(error: Error): unknown[] {
  return argsOf(error).map(arg => {
    if (typeof arg === 'string') return arg;
    try {
      jsonEncode(arg);
      return arg;
    } catch {
      return saferepr(arg);
    }
  });
}
