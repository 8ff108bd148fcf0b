/**
 * Values that Python has and JavaScript lacks. Each keeps the text it came with, so that
 * sending it on gives Python an equal value, and reads as that text in JavaScript.
 */

import { REPR } from '../base/saferepr.ts';
import { fromIso } from './dates.ts';

export abstract class TypedValue {
  /** The `__type__` of kombu's JSON. */
  abstract readonly type: string;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
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

/** A `datetime` that a Date cannot hold: naive, or with microseconds. */
export class PyDateTime extends TypedValue {
  readonly type = 'datetime';

  /** Cut to milliseconds; a naive value is read as UTC. */
  toDate(): Date {
    return new Date(Math.floor(fromIso(this.text) * 1000 + 1e-3));
  }

  override [REPR](): string {
    return `datetime.datetime('${this.text}')`;
  }
}

/** A `date`, for example `2020-01-02`. */
export class PyDate extends TypedValue {
  readonly type = 'date';

  override [REPR](): string {
    const [year, month, day] = this.text.split('-').map(Number);
    return `datetime.date(${year}, ${month}, ${day})`;
  }
}

/** A `time`, for example `03:04:05`. */
export class PyTime extends TypedValue {
  readonly type = 'time';

  override [REPR](): string {
    return `datetime.time('${this.text}')`;
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
