/**
 * `tscelery` as tests start it: the built package, which starts three times as fast, while it is
 * what the sources say; the sources otherwise.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [SRC, DIST] = [join(ROOT, 'src'), join(ROOT, 'dist')];

/** A source that is younger than what was made of them makes the whole build worthless. */
function isBuilt(): boolean {
  const built = statSync(join(DIST, 'cli-main.js'), { throwIfNoEntry: false });
  return (
    built !== undefined &&
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts'))
      .every(file => built.mtimeMs > statSync(join(SRC, file)).mtimeMs)
  );
}

interface Program {
  /** Options for node, before `entry`. */
  readonly nodeArgs: readonly string[];
  readonly entry: string;
  /** What an app of this program imports where `tscelery` is not to be found. */
  readonly library: string;
  readonly env: Readonly<Record<string, string>>;
}

const fromBuild: Program = {
  nodeArgs: [],
  entry: join(ROOT, 'bin/tscelery.js'),
  library: pathToFileURL(join(DIST, 'index.js')).href,
  env: {},
};

const TSX = import.meta.resolve('tsx');
const TSX_IN_THREADS = new URL('./tsx-in-threads.mjs', import.meta.url).href;

const fromSource: Program = {
  nodeArgs: ['--import', TSX, '--import', TSX_IN_THREADS],
  entry: fileURLToPath(new URL('./cli-entry.ts', import.meta.url)),
  library: pathToFileURL(join(SRC, 'index.ts')).href,
  // `tscelery` means the sources, also in folders outside the repository
  env: { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') },
};

export const program = isBuilt() ? fromBuild : fromSource;
