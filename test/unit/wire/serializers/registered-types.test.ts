import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { registerType } from '../../../../src/index.ts';
import { jsonDecode, jsonEncode } from '../../../../src/wire/serializers/json.ts';

class Money {
  readonly cents: number;
  readonly currency: string;

  constructor(cents: number, currency: string) {
    this.cents = cents;
    this.currency = currency;
  }
}
class Tip extends Money {}

registerType(
  Money,
  'shop.Money',
  money => ({ cents: money.cents, currency: money.currency }),
  wire => {
    const { cents, currency } = wire as Money;
    return new Money(cents, currency);
  },
);

describe('a registered class', () => {
  test('travels as a typed value and comes back as itself', () => {
    const text = jsonEncode({ price: [new Money(199, 'EUR')] });

    assert.equal(
      text,
      '{"price":[{"__type__":"shop.Money","__value__":{"cents":199,"currency":"EUR"}}]}',
    );
    const { price } = jsonDecode(text) as { price: Money[] };
    assert.ok(price[0] instanceof Money);
    assert.deepEqual(price, [new Money(199, 'EUR')]);
  });

  test('includes its subclasses', () => {
    assert.match(jsonEncode(new Tip(1, 'EUR')), /"shop\.Money"/);
  });

  test('may contain other typed values', () => {
    class Booking {
      readonly at: Date;
      constructor(at: Date) {
        this.at = at;
      }
    }
    registerType(
      Booking,
      'shop.Booking',
      booking => ({ at: booking.at }),
      wire => new Booking((wire as Booking).at),
    );

    const booking = jsonDecode(jsonEncode(new Booking(new Date(0))));

    assert.deepEqual(booking, new Booking(new Date(0)));
  });

  test('goes before the built-in meaning of a class', () => {
    registerType(
      Set,
      'set',
      set => [...set],
      wire => new Set(wire as unknown[]),
    );

    assert.deepEqual(jsonDecode(jsonEncode(new Set([1, 'a']))), new Set([1, 'a']));
  });

  test('is its bare value for peers without typed values', () => {
    assert.equal(jsonEncode(new Money(1, 'EUR'), { typed: false }), '{"cents":1,"currency":"EUR"}');
  });

  test('that cannot be encoded or decoded fails as other content does', () => {
    class Broken {}
    registerType(
      Broken,
      'shop.Broken',
      () => {
        throw new RangeError('no way in');
      },
      () => {
        throw new RangeError('no way out');
      },
    );

    assert.throws(() => jsonEncode({ a: new Broken() }), {
      name: 'EncodeError',
      message: 'value.a could not be encoded as shop.Broken: no way in',
    });
    assert.throws(() => jsonDecode('{"__type__":"shop.Broken","__value__":1}'), {
      name: 'DecodeError',
      message: /no way out/,
    });
  });

  test('that encodes to itself is refused', () => {
    class Loop {}
    registerType(
      Loop,
      'shop.Loop',
      loop => [loop],
      () => new Loop(),
    );

    assert.throws(() => jsonEncode(new Loop()), { name: 'EncodeError' });
  });

  test('needs a class, a name and two functions', () => {
    const same = (value: unknown) => value as Money;

    assert.throws(() => registerType(Money, '', same, same), /needs a name, got ""/);
    assert.throws(() => registerType('x' as never, 'x', same, same), /needs a class/);
    assert.throws(() => registerType(Money, 'x', same, 1 as never), /needs two functions/);
  });
});
