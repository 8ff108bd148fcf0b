/**
 * Reads what Python's json module writes and JSON.parse does not: NaN, Infinity and
 * integers beyond 2^53 (as bigint). Slower than JSON.parse, so only used where needed.
 */

/** Python's own reader gives up at about this depth. */
export const MAX_DEPTH = 1000;

export type ObjectHook = (object: Record<string, unknown>) => unknown;

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];

/** Throws SyntaxError. `hook` is given every object, innermost first, and may replace it. */
export function parsePythonJson(text: string, hook?: ObjectHook): unknown {
  const parser = new Parser(text, hook);
  return parser.document();
}

/** Own property even for `__proto__`, which a plain assignment would turn into a prototype. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    object[key] = value;
  }
}

class Parser {
  readonly #text: string;
  readonly #hook: ObjectHook | undefined;
  #at = 0;

  constructor(text: string, hook: ObjectHook | undefined) {
    this.#text = text;
    this.#hook = hook;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH} levels`);
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === '"') return this.#string();
    if (char === '[') return this.#array(depth);
    if (char === '{') return this.#object(depth);
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    if (this.#take(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(','));
    this.#expect(']');
    return items;
  }

  #object(depth: number): unknown {
    const object: Record<string, unknown> = {};
    this.#at++;
    if (!this.#take('}')) {
      do {
        this.#skipSpace();
        if (this.#text[this.#at] !== '"') throw this.#unexpected();
        const key = this.#string();
        this.#expect(':');
        setOwn(object, key, this.#value(depth + 1));
      } while (this.#take(','));
      this.#expect('}');
    }
    return this.#hook === undefined ? object : this.#hook(object);
  }

  #string(): string {
    const start = this.#at;
    for (let end = start; ; ) {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw new SyntaxError(`unterminated string at position ${start}`);
      let slashes = 0;
      while (this.#text[end - 1 - slashes] === '\\') slashes++;
      if (slashes % 2 === 0) {
        this.#at = end + 1;
        // Escapes and forbidden control characters are JSON.parse's business.
        return JSON.parse(this.#text.slice(start, this.#at)) as string;
      }
    }
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected();
    this.#at = NUMBER.lastIndex;
    const value = Number(match[0]);
    const isInteger = match[1] === undefined && match[2] === undefined;
    return isInteger && !Number.isSafeInteger(value) ? BigInt(match[0]) : value;
  }

  #skipSpace(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code > 32) return;
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #take(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw this.#unexpected();
  }

  #unexpected(): SyntaxError {
    const found = this.#text[this.#at];
    return new SyntaxError(
      found === undefined
        ? 'unexpected end'
        : `unexpected ${JSON.stringify(found)} at position ${this.#at}`,
    );
  }
}
