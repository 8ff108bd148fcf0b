/**
 * Tells when source files below some folders change. Folders are watched one by one: Node's
 * recursive mode would go through node_modules as well.
 */
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

const SOURCE = /\.([cm]?[jt]sx?|json|ya?ml)$/;
const IGNORED_FOLDER = /^(node_modules|\..*)$/;
/** An editor, or a checkout, changes several files in a row. */
const QUIET_MS = 150;

export class SourceWatch {
  readonly #onChange: (file: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` gets one of the files that changed, when no other has for a moment. */
  constructor(roots: readonly string[], onChange: (file: string) => void) {
    this.#onChange = onChange;
    for (const root of roots) this.#add(root);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): void {
    if (this.#watchers.has(folder)) return;
    let watcher: FSWatcher;
    try {
      watcher = watch(folder, (_event, name) => this.#changed(folder, name));
    } catch {
      return; // gone already, or not ours to read
    }
    watcher.on('error', () => this.#remove(folder));
    this.#watchers.set(folder, watcher);
    for (const sub of foldersIn(folder)) this.#add(sub);
  }

  #remove(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #changed(folder: string, name: string | null): void {
    if (name === null) return;
    const path = join(folder, name);
    if (!SOURCE.test(name)) {
      // maybe a new folder; files that came with it count as changed
      if (!IGNORED_FOLDER.test(name) && foldersIn(folder).includes(path)) this.#adopt(path);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onChange(path), QUIET_MS);
  }

  #adopt(folder: string): void {
    if (this.#watchers.has(folder)) return;
    this.#add(folder);
    for (const name of namesIn(folder)) this.#changed(folder, name);
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && !IGNORED_FOLDER.test(entry.name))
      .map(entry => join(folder, entry.name));
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
