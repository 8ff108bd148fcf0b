/** Crontab fields by chance, with the numbers that they stand for worked out another way. */
import { Random } from '../fuzz/random.ts';

export interface RandomField {
  readonly text: string;
  readonly numbers: ReadonlySet<number>;
}

export interface RandomCrontab {
  readonly minute: RandomField;
  readonly hour: RandomField;
  readonly dayOfWeek: RandomField;
  readonly dayOfMonth: RandomField;
  readonly monthOfYear: RandomField;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

export class RandomCrontabs {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed, 0);
  }

  /** From 0, without `end`. */
  below(end: number): number {
    return Math.floor(this.#random.next() * end);
  }

  crontab(): RandomCrontab {
    return {
      minute: this.field(0, 59, 0.2),
      hour: this.field(0, 23, 0.4),
      dayOfWeek: this.field(0, 6, 0.6),
      dayOfMonth: this.field(1, 31, 0.6),
      monthOfYear: this.field(1, 12, 0.7),
    };
  }

  field(min: number, max: number, stars: number): RandomField {
    if (this.#random.next() < stars) return { text: '*', numbers: new Set(stepped(min, max, 1)) };
    const parts = Array.from({ length: 1 + this.below(2) * this.below(3) }, () =>
      this.#part(min, max),
    );
    return {
      text: parts.map(part => part.text).join(','),
      numbers: new Set(parts.flatMap(part => [...part.numbers])),
    };
  }

  #part(min: number, max: number): RandomField {
    const number = () => min + this.below(max - min + 1);
    const written = (value: number) =>
      max === 6 && this.below(2) === 0 ? DAYS[value]! : String(value);
    const [from, to, step] = [number(), number(), 1 + this.below(max)];
    const round =
      from <= to ? stepped(from, to, 1) : [...stepped(from, max, 1), ...stepped(min, to, 1)];
    switch (this.below(4)) {
      case 0:
        return { text: written(from), numbers: new Set([from]) };
      case 1:
        return { text: `*/${step}`, numbers: new Set(stepped(min, max, step)) };
      case 2:
        return { text: `${written(from)}-${written(to)}`, numbers: new Set(round) };
      default:
        return {
          text: `${written(from)}-${written(to)}/${step}`,
          numbers: new Set(round.filter((_, i) => i % step === 0)),
        };
    }
  }
}

function stepped(first: number, last: number, step: number): number[] {
  const numbers = [];
  for (let number = first; number <= last; number += step) numbers.push(number);
  return numbers;
}
