import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CeleryError, ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { ContentDisallowed, DecodeError, InvalidTaskError } from '../../../../src/wire/errors.ts';
import {
  decodeException,
  encodeException,
  exceptionRepr,
  RemoteTaskError,
} from '../../../../src/wire/results/exception.ts';

class PaymentError extends Error {}

class OrderError extends Error {
  static excModule = 'shop.errors';
  override name = 'OrderError';
}

class LimitError extends CeleryError {
  static override readonly excModule = 'billiard.exceptions';
  readonly code = 'LIMIT';
  readonly seconds: number;

  constructor(seconds: number) {
    super(`limit of ${seconds}`);
    this.seconds = seconds;
  }

  override get args(): readonly unknown[] {
    return [this.seconds, this];
  }
}

const builtin = (exc_type: string, ...exc_message: unknown[]) => ({
  exc_type,
  exc_message,
  exc_module: 'builtins',
});

describe('an error on its way to Python', () => {
  test('of a class that Python has too keeps its name', () => {
    assert.deepEqual(encodeException(new Error('bad')), builtin('Exception', 'bad'));
    assert.deepEqual(encodeException(new Error()), builtin('Exception'));
    assert.deepEqual(encodeException(new TypeError('bad')), builtin('TypeError', 'bad'));
    assert.deepEqual(encodeException(new SyntaxError('bad')), builtin('SyntaxError', 'bad'));
    class KeyError extends Error {}
    assert.deepEqual(encodeException(new KeyError('x')), builtin('KeyError', 'x'));
  });

  test('of another class has its own name and the module it or the task declares', () => {
    assert.deepEqual(encodeException(new PaymentError('no'), { excModule: 'shop.tasks' }), {
      exc_type: 'PaymentError',
      exc_message: ['no'],
      exc_module: 'shop.tasks',
    });
    assert.deepEqual(encodeException(new OrderError('no'), { excModule: 'shop.tasks' }), {
      exc_type: 'OrderError',
      exc_message: ['no'],
      exc_module: 'shop.errors',
    });
    assert.equal(encodeException(new RangeError('no')).exc_type, 'RangeError');
    assert.notEqual(encodeException(new ReferenceError('no')).exc_module, 'builtins');
  });

  test('of ours has the module and the arguments of its Python class', () => {
    assert.deepEqual(encodeException(new ContentDisallowed('no')), {
      exc_type: 'ContentDisallowed',
      exc_message: ['no'],
      exc_module: 'kombu.exceptions',
    });
    const { exc_type, exc_message, exc_module } = encodeException(new LimitError(5));
    assert.deepEqual([exc_type, exc_module], ['LimitError', 'billiard.exceptions']);
    assert.deepEqual(exc_message, [5, "LimitError('limit of 5')"]);
  });

  test('is an Exception when something else was thrown', () => {
    assert.deepEqual(encodeException('boom'), builtin('Exception', 'boom'));
    assert.deepEqual(encodeException(undefined), builtin('Exception', 'None'));
    assert.deepEqual(encodeException({ a: 1 }), builtin('Exception', "{'a': 1}"));
    assert.deepEqual(encodeException(null), builtin('Exception', 'None'));
  });

  test('that holds several others names them', () => {
    const error = new AggregateError([new Error('a'), 'b'], 'two');

    assert.deepEqual(encodeException(error).exc_message, ["two (Error('a'); 'b')"]);
  });

  test('with billions of empty places among its arguments is sent at once', () => {
    const args: unknown[] = [];
    args.length = 4_000_000_000;
    const error = Object.assign(new PaymentError('x'), { args });

    const { exc_type, exc_message } = encodeException(error);

    assert.equal(exc_type, 'PaymentError');
    assert.match(String(exc_message[0]), /^\[None, None/);
    assert.match(exceptionRepr(error), /^PaymentError\('\[None/);
  });

  test('with a strange name or message is still sent', () => {
    const strange = Object.assign(new Error('x'), { name: 5, message: { a: 1 } });
    const bare = Object.setPrototypeOf(new Error('x'), null) as Error;

    assert.equal(encodeException(strange).exc_type, 'Exception');
    assert.doesNotThrow(() => encodeException(bare));
  });
});

describe('an exception from Python', () => {
  test('of a class that JavaScript has is that class', () => {
    for (const [type, Class] of [
      ['Exception', Error],
      ['TypeError', TypeError],
      ['SyntaxError', SyntaxError],
    ] as const) {
      const error = decodeException(builtin(type, 'bad'));

      assert.equal(error.constructor, Class);
      assert.equal(error.message, 'bad');
      assert.deepEqual(encodeException(error), builtin(type, 'bad'));
    }
    assert.equal(decodeException(encodeException(new RangeError('x'))).constructor, RangeError);
  });

  test('of another class is a RemoteTaskError of that name', () => {
    const data = builtin('ValueError', 'bad');

    const error = decodeException(data);

    assert.ok(error instanceof RemoteTaskError);
    assert.equal(error.code, 'REMOTE');
    assert.equal(error.name, 'ValueError');
    assert.equal(error.excType, 'ValueError');
    assert.equal(error.excModule, 'builtins');
    assert.equal(error.message, 'bad');
    assert.equal(String(error), 'ValueError: bad');
    assert.deepEqual(encodeException(error, { excModule: 'other' }), data);
  });

  test('has the message that Python shows', () => {
    const message = (...args: unknown[]) => decodeException(builtin('ValueError', ...args)).message;

    assert.equal(message(), '');
    assert.equal(message('x'), 'x');
    assert.equal(message(5), '5');
    assert.equal(message('a', 1, null), "('a', 1, None)");
  });

  test('keeps arguments that its message cannot give back', () => {
    const data = builtin('Exception', 'a', 1);

    const error = decodeException(data);

    assert.equal(error.message, "('a', 1)");
    assert.deepEqual(encodeException(error), data);
  });

  test('of ours is our class', () => {
    for (const Class of [InvalidTaskError, DecodeError, ImproperlyConfigured]) {
      const error = decodeException(encodeException(new Class('no')));

      assert.equal(error.constructor, Class);
      assert.equal(error.message, 'no');
    }
  });

  test('of a class that the app knows is that class', () => {
    const known = new Map([
      ['shop.errors.OrderError', (args: readonly unknown[]) => new OrderError(String(args[0]))],
      ['PaymentError', (args: readonly unknown[]) => new PaymentError(String(args[0]))],
      [
        'Broken',
        () => {
          throw new Error('constructor failed');
        },
      ],
    ]);
    const decode = (exc_type: string, exc_module: string | null) =>
      decodeException({ exc_type, exc_message: ['no'], exc_module }, known);

    assert.ok(decode('OrderError', 'shop.errors') instanceof OrderError);
    assert.ok(decode('OrderError', 'elsewhere') instanceof RemoteTaskError);
    assert.ok(decode('PaymentError', 'anywhere') instanceof PaymentError);
    assert.ok(decode('Broken', null) instanceof RemoteTaskError);
  });

  test('of a class that the app knows is sent on as it came', () => {
    const known = new Map([['OrderError', () => new OrderError('text of its own')]]);
    const data = { exc_type: 'OrderError', exc_message: ['a', 1], exc_module: 'shop.errors' };

    assert.deepEqual(encodeException(decodeException(data, known)), data);
  });

  test('of any shape is an error', () => {
    const shapes = [
      undefined,
      null,
      5,
      'text',
      true,
      [],
      [1],
      {},
      { exc_type: 5 },
      { exc_type: '' },
      { exc_type: 'X' },
      { exc_type: 'X', exc_message: 'text' },
      { exc_type: 'X', exc_message: null },
      { exc_type: 'X', exc_message: { a: 1 }, exc_module: 5 },
      { exc_type: '__proto__', exc_message: [] },
      { exc_type: 'constructor', exc_module: 'builtins' },
      { exc_message: [[[[[1]]]]] },
      new Date(),
      Buffer.from('x'),
      { exc_type: 'system', exc_message: ['rm'], exc_module: 'os' },
    ];
    for (const shape of shapes) {
      const error = decodeException(shape);

      assert.ok(error instanceof Error);
      assert.equal(typeof error.message, 'string');
      assert.doesNotThrow(() => JSON.stringify(encodeException(error)));
    }
    assert.equal(decodeException({ exc_type: 'X', exc_message: 'text' }).message, 'text');
  });
});

describe('an exception in a log line', () => {
  test('looks as in Python', () => {
    assert.equal(exceptionRepr(decodeException(builtin('ValueError', 'bad'))), "ValueError('bad')");
    assert.equal(
      exceptionRepr(decodeException(builtin('KeyError', "it's", 1))),
      'KeyError("it\'s", 1)',
    );
    assert.equal(exceptionRepr(new Error('a\nb')), "Error('a\\nb')");
    assert.equal(exceptionRepr(new PaymentError('no')), "PaymentError('no')");
    assert.equal(exceptionRepr(new Error()), 'Error()');
    assert.equal(exceptionRepr('thrown'), "'thrown'");
    assert.equal(exceptionRepr(undefined), 'None');
  });
});
