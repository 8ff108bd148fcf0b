/**
 * What code prints with console.log or writes to process.stdout and process.stderr becomes
 * records of a log, one per line. What goes to the file descriptors by other ways (addons,
 * Node's own last words) passes by.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Logger, LogLevel } from '../base/logger.ts';

export interface RedirectOptions {
  readonly logger: Logger;
  readonly level: LogLevel;
  /** Asked at each print for what else its records say. */
  readonly fields?: () => Readonly<Record<string, unknown>>;
}

/** As in Celery, so that such records can be told from others. */
export const PRINTS = 'celery.redirected';
/** Characters, as a record is cut there; a longer line becomes several records. */
const LONGEST_LINE = 65_536;

type Write = NodeJS.WriteStream['write'];

/** Returns a function that ends it. */
export function redirectOutput(options: RedirectOptions): () => void {
  const ends = [process.stdout, process.stderr].map(stream => redirect(stream, options));
  return () => {
    for (const end of ends) end();
  };
}

function redirect(stream: NodeJS.WriteStream, options: RedirectOptions): () => void {
  const write = stream.write;
  const lines = new PrintedLines(options);
  const replacement: Write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ) => {
    // a logger that prints, for whatever reason, must not call itself
    if (lines.isBusy) return write.call(stream, chunk as string, encoding as never, done);
    lines.print(chunk, typeof encoding === 'string' ? encoding : undefined);
    const callback = typeof encoding === 'function' ? encoding : done;
    if (callback) process.nextTick(callback);
    return true;
  };
  const flush = () => lines.flush();
  stream.write = replacement;
  process.on('exit', flush);
  return () => {
    lines.flush();
    process.off('exit', flush);
    if (stream.write === replacement) stream.write = write;
  };
}

/**
 * Cuts what is printed into lines. The beginning of a line waits for its end until the turn is
 * over, or until somebody else prints.
 */
class PrintedLines {
  readonly #options: RedirectOptions;
  readonly #decoder = new StringDecoder('utf8');
  #begun = '';
  #fields: Readonly<Record<string, unknown>> = {};
  #flushIsDue = false;
  isBusy = false;

  constructor(options: RedirectOptions) {
    this.#options = options;
  }

  print(chunk: string | Uint8Array, encoding: BufferEncoding | undefined): void {
    const text = typeof chunk === 'string' ? decoded(chunk, encoding) : this.#decode(chunk);
    const fields = this.#options.fields?.() ?? {};
    if (this.#begun !== '' && !haveSameValues(fields, this.#fields)) this.flush();
    this.#fields = fields;
    if (text.includes('\n')) this.#logLines(this.#begun + text);
    // not looked into again: a line may come letter by letter
    else this.#begun += text;
    while (this.#begun.length > LONGEST_LINE) {
      this.#log(this.#begun.slice(0, LONGEST_LINE));
      this.#begun = this.#begun.slice(LONGEST_LINE);
    }
    if (this.#begun !== '') this.#flushSoon();
  }

  #logLines(text: string): void {
    const lines = text.split(/\r?\n/);
    this.#begun = lines.pop()!;
    for (const line of lines) this.#log(line);
  }

  flush(): void {
    const line = this.#begun;
    this.#begun = '';
    this.#log(line);
  }

  #decode(bytes: Uint8Array): string {
    return this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.flush();
    });
  }

  #log(line: string): void {
    if (line.trim() === '') return;
    const { logger, level } = this.#options;
    this.isBusy = true;
    try {
      logger.log(level, line.trimEnd(), { name: PRINTS, ...this.#fields });
    } finally {
      this.isBusy = false;
    }
  }
}

function haveSameValues(
  some: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>>,
): boolean {
  for (const key in some) if (some[key] !== others[key]) return false;
  for (const key in others) if (!(key in some)) return false;
  return true;
}

/** A string may stand for bytes: `write('6869', 'hex')`. */
function decoded(text: string, encoding: BufferEncoding | undefined): string {
  if (encoding === undefined || /^utf-?8$/i.test(encoding)) return text;
  return Buffer.from(text, encoding).toString();
}
