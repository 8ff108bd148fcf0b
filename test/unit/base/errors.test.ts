import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Closing } from '../../../src/base/closing.ts';
import { ImproperlyConfigured, isCeleryError, SecurityError } from '../../../src/base/errors.ts';

describe('an error of ours', () => {
  it('has a name, a code and the arguments that Python would see', () => {
    const error = new ImproperlyConfigured('no');
    assert.deepEqual(
      [error.name, error.code, error.args, error.recoverable],
      ['ImproperlyConfigured', 'IMPROPERLY_CONFIGURED', ['no'], false],
    );
    assert.deepEqual(new SecurityError().args, []);
  });

  it('has a text of whatever it was given, and its cause', () => {
    const odd = [Symbol('s'), Object.create(null), 5, null] as unknown[];
    for (const message of odd) {
      assert.equal(typeof new SecurityError(message as string).message, 'string');
    }
    const cause = new Error('why');
    assert.equal(new SecurityError('x', { cause }).cause, cause);
  });

  it('is known by a brand, also one of another copy of the library', () => {
    const brand = Symbol.for('tscelery.error');
    const other = Object.assign(new Error('x'), { [brand]: true, code: 'SECURITY' });
    assert.equal(isCeleryError(other), true);
    assert.deepEqual(
      [isCeleryError(other, 'SECURITY'), isCeleryError(other, 'OTHER')],
      [true, false],
    );
  });

  it('is nothing else', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const value of [undefined, null, 'x', new Error('x'), {}, { code: 'SECURITY' }, proxy]) {
      assert.equal(isCeleryError(value), false);
    }
  });
});

describe('what is closed', () => {
  it('tells everybody who waits, once and with the first reason', () => {
    const closing = new Closing();
    const heard: string[] = [];
    closing.onClose(error => heard.push(`a: ${error.message}`));
    closing.onClose(error => heard.push(`b: ${error.message}`));
    closing.throwIfClosed();

    closing.close(new Error('first'));
    closing.close(new Error('second'));

    assert.deepEqual(heard, ['a: first', 'b: first']);
    assert.throws(() => closing.throwIfClosed(), /first/);
  });

  it('does not tell who waits no more', () => {
    const closing = new Closing();
    const stop = closing.onClose(() => assert.fail('nobody waits'));
    stop();
    stop();
    closing.close(new Error('x'));
  });

  it('tells the others when one of them goes while it is told', () => {
    const closing = new Closing();
    const heard: string[] = [];
    const stops: (() => void)[] = [];
    stops.push(closing.onClose(() => stops[1]!()));
    stops.push(closing.onClose(() => heard.push('b')));
    closing.onClose(() => heard.push('c'));

    closing.close(new Error('x'));

    assert.ok(heard.includes('c'));
  });
});
