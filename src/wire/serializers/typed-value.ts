/**
 * Values that Python has and JavaScript lacks. Each keeps the text it came with, so that
 * sending it on gives Python an equal value, and reads as that text in JavaScript.
 */

import { REPR } from '../../base/text/saferepr.ts';
import { fromIso } from '../dates.ts';

const TYPED_BRAND: unique symbol = Symbol.for('tscelery.typed-value');

export abstract class TypedValue {
  /** The `__type__` of kombu's JSON. */
  abstract readonly type: string;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** How instances of any copy of the library are recognised: `instanceof` says no to those of another copy. */
  get [TYPED_BRAND](): true {
    return true;
  }

  /** The `__value__` of kombu's JSON. */
  get wireValue(): unknown {
    return this.text;
  }

  toString(): string {
    return this.text;
  }

  valueOf(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  [REPR](): string {
    return `${this.type}('${this.text}')`;
  }
}

/** Whether it is one of these, of any copy of the library, which `instanceof` would not tell. */
export function isTypedValue(value: object): value is TypedValue {
  return (value as Partial<TypedValue>)[TYPED_BRAND] === true;
}

const FRACTION = /[.,](\d+)/;

/** A `datetime` that a Date cannot hold: naive, or with microseconds. */
export class PyDateTime extends TypedValue {
  readonly type = 'datetime';

  /** Cut to milliseconds; a naive value is read as UTC. */
  toDate(): Date {
    // by its digits: seconds in a float are not exact enough to be cut
    const [, digits = ''] = FRACTION.exec(this.text) ?? [];
    const milliseconds = Number(digits.slice(0, 3).padEnd(3, '0'));
    return new Date(fromIso(this.text.replace(FRACTION, '')) * 1000 + milliseconds);
  }

  override [REPR](): string {
    return dateNotation('datetime.datetime', this.text);
  }
}

/** A `date`, for example `2020-01-02`. */
export class PyDate extends TypedValue {
  readonly type = 'date';

  override [REPR](): string {
    return dateNotation('datetime.date', this.text);
  }
}

/** A `time`, for example `03:04:05`. */
export class PyTime extends TypedValue {
  readonly type = 'time';

  override [REPR](): string {
    return dateNotation('datetime.time', this.text);
  }
}

/** A `Decimal`; the digits are kept, calculating is left to a library of yours. */
export class Decimal extends TypedValue {
  readonly type = 'decimal';

  override [REPR](): string {
    return `Decimal('${this.text}')`;
  }
}

/** A `UUID` in its usual form with dashes. */
export class PyUuid extends TypedValue {
  readonly type = 'uuid';

  override get wireValue(): unknown {
    return { hex: this.text.replaceAll('-', '') };
  }

  override [REPR](): string {
    return `UUID('${this.text}')`;
  }
}

const PARTS =
  /^(?:(\d{4})-(\d\d)-(\d\d))?[T ]?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** `datetime.datetime(2020, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)` */
function dateNotation(name: string, text: string): string {
  const match = PARTS.exec(text);
  if (match === null) return `${name}('${text}')`;
  const [, year, month, day, hour, minute, second, fraction, offset] = match;
  const micros = Number(fraction?.padEnd(6, '0') ?? 0);
  const parts = [year, month, day, hour, minute].filter(part => part !== undefined).map(Number);
  if (Number(second) > 0 || micros > 0) parts.push(Number(second));
  if (micros > 0) parts.push(micros);
  const zone = offset === undefined ? '' : `, tzinfo=${zoneNotation(offset)}`;
  return `${name}(${parts.join(', ')}${zone})`;
}

function zoneNotation(offset: string): string {
  const digits = offset.replaceAll(/\D/g, '');
  const size = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60;
  if (size === 0) return 'datetime.timezone.utc';
  const delta = offset[0] === '-' ? `days=-1, seconds=${86400 - size}` : `seconds=${size}`;
  return `datetime.timezone(datetime.timedelta(${delta}))`;
}
