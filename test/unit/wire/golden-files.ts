import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The captured files: see test/golden/README.md. */

const ROOT = fileURLToPath(new URL('../../golden/', import.meta.url));

export interface CapturedMessage {
  readonly list_key: string;
  readonly raw: string;
  readonly headers?: Record<string, unknown>;
  readonly envelope?: { readonly headers: Record<string, unknown> };
}

export interface Capture {
  readonly path: string;
  readonly version: string;
  readonly name: string;
  readonly messages: readonly CapturedMessage[];
}

export const VERSIONS = ['5.2.6', '5.6.3', 'main'] as const;

export function readGolden(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(ROOT + path, 'utf8')) as Record<string, unknown>;
}

export function listGolden(folder: string): string[] {
  const names = readdirSync(ROOT).includes(folder.split('/')[0]!) ? readFolder(folder) : [];
  return names.map(name => `${folder}/${name}`);
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(ROOT + folder).sort();
  } catch {
    return [];
  }
}

/** Every message that a client or a worker of the captured versions put into Redis. */
export function capturedMessages(
  kinds: readonly string[] = ['publish', 'worker-published'],
): Capture[] {
  return VERSIONS.flatMap(version =>
    kinds.flatMap(kind =>
      listGolden(`redis-${version}/${kind}`).map(path => {
        const file = readGolden(path);
        // One file holds a single message without the list around it.
        const messages = (file.messages ?? [file]) as CapturedMessage[];
        const name = path.replace(/^.*\/|\.json$/g, '');
        return { path, version, name, messages };
      }),
    ),
  );
}

/** Every result document in the captures, as text. */
export function capturedMetas(): { path: string; raw: string }[] {
  const single = listGolden('results').map(path => ({ path, raw: String(readGolden(path).raw) }));
  const runs = VERSIONS.flatMap(version => listGolden(`redis-${version}/run`)).flatMap(path => {
    const keys = (readGolden(path).keys_final ?? {}) as Record<string, { value?: unknown }>;
    return Object.entries(keys)
      .filter(([key, { value }]) => key.includes('celery-task-meta-') && typeof value === 'string')
      .map(([, { value }]) => ({ path, raw: String(value) }));
  });
  return [...single, ...runs];
}
