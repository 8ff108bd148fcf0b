/**
 * Makes `dist` of `src`: a few large files, as each of two hundred small ones costs every process of
 * a worker, and every command, time to find and memory to keep; and the types, file by file.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { build } from 'esbuild';

/** What is imported from outside, and what processes and threads begin with (`base/packages/own-modules.ts`). */
const ENTRIES = [
  'index',
  'testing/index',
  'cli/main',
  'pool/child/main',
  'pool/child/stack-watch-thread',
  'pool/child/thread',
  'worker/child/child',
  'worker/steps/main-watch-thread',
];

const { metafile } = await build({
  entryPoints: ENTRIES.map(name => ({ in: `src/${name}.ts`, out: name.replaceAll('/', '-') })),
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
refuseRenamed();
const made = new Set(Object.keys(metafile.outputs).map(path => basename(path)));
// also what earlier builds left below, which would go into the package
for (const name of await readdir('dist', { recursive: true })) {
  if (/\.js(\.map)?$/.test(name) && !made.has(name)) await rm(`dist/${name}`);
}
execFileSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });

/** Errors are known by their names, which a bundler changes where two are the same or one names itself. */
function refuseRenamed() {
  for (const file of Object.keys(metafile.outputs).filter(path => path.endsWith('.js'))) {
    const renamed = /= class (_\w*|\w*\d) extends \w*(?:Error|Exception)\b/.exec(
      readFileSync(file, 'utf8'),
    );
    if (renamed)
      throw new Error(`The build would rename the error class ${renamed[1]} in ${file}.`);
  }
}
