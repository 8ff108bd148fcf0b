/** What a command prints, when its reader is slower than it. */

import type { Writable } from 'node:stream';

/** Seconds for which a program that was told to stop waits for a reader that does not read. */
const PATIENCE = 5;

/**
 * Resolves when a reader has what was printed, however much that was: Node does not wait for a
 * pipe when it exits. A service that was told to stop waits for a moment only.
 */
export function printed(isService: boolean): Promise<void> {
  const streams = [process.stdout, process.stderr].filter(
    ({ writableLength }) => writableLength > 0,
  );
  const all = Promise.all(
    streams.map(stream => new Promise<void>(resolve => stream.write('', () => resolve()))),
  );
  if (!isService) return all.then(() => {});
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, PATIENCE * 1000);
  });
  return Promise.race([all.then(() => {}), enough]).finally(() => clearTimeout(timer));
}

interface Streams {
  readonly out?: Writable;
  readonly err?: Writable;
  /** Bytes that may wait for the reader. */
  readonly most?: number;
}

/** Prints lines without end, and does not keep what nobody reads. */
export class LinePrinter {
  readonly #streams: Required<Streams>;
  #dropped = 0;

  constructor({ out = process.stdout, err = process.stderr, most = 4 * 1024 ** 2 }: Streams = {}) {
    this.#streams = { out, err, most };
  }

  readonly print = (line: string): void => {
    const { out, err, most } = this.#streams;
    if (out.writableLength > most) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      err.write(`${this.#dropped} lines were not printed, as nobody read them.\n`);
      this.#dropped = 0;
    }
    out.write(`${line}\n`);
  };
}
