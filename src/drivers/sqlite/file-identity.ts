import { statSync } from 'node:fs';
import { MEMORY } from './location.ts';

/**
 * Whether a database that is open is still the one at its path. SQLite goes on with a file that
 * was deleted or replaced, and nobody else sees what it writes.
 */
export class FileIdentity {
  readonly #path: string;
  readonly #inode: number | undefined;

  /** Right after the file was opened, or else another one may be at its path already. */
  constructor(path: string) {
    this.#path = path;
    this.#inode = inodeOf(path);
  }

  get isCurrent(): boolean {
    return inodeOf(this.#path) === this.#inode;
  }

  /** There is another file now, not just none, and so one to go on with. */
  get isReplaced(): boolean {
    const inode = inodeOf(this.#path);
    return inode !== undefined && inode !== this.#inode;
  }

  get complaint(): string {
    return `The SQLite database ${this.#path} was deleted or replaced while it was in use.`;
  }
}

function inodeOf(path: string): number | undefined {
  return path === MEMORY ? undefined : statSync(path, { throwIfNoEntry: false })?.ino;
}
