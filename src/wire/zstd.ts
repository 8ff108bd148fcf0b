/** zstd by Node where it has it (22.15 and later), else by packages. */

import * as zlib from 'node:zlib';
import { packageMissing, requirePackage } from './optional-package.ts';

const isBuiltIn = typeof zlib.zstdCompressSync === 'function';

interface ZstdWasm {
  compress(data: Uint8Array): Uint8Array;
}

interface Fzstd {
  Decompress: new (
    onData: (chunk: Uint8Array) => void,
  ) => {
    push(chunk: Uint8Array, final: boolean): void;
  };
}

const WHAT = 'zstd compression (Node.js has it built in from 22.15 on)';
const COMPRESSOR = '@bokuweb/zstd-wasm';

let wasm: ZstdWasm | undefined;

/** Resolves when `zstdCompress` can be called; undefined when it can be right now. */
export function prepareZstd(): Promise<void> | undefined {
  return isBuiltIn || wasm ? undefined : loadWasm();
}

async function loadWasm(): Promise<void> {
  let loaded: ZstdWasm & { init(): Promise<void> };
  try {
    loaded = await import(COMPRESSOR);
  } catch (error) {
    throw packageMissing(WHAT, COMPRESSOR, error);
  }
  await loaded.init();
  wasm = loaded;
}

/** Throws SerializerNotInstalled without Node's own zstd and without `prepareZstd`. */
export function zstdCompress(data: Uint8Array): Uint8Array {
  if (isBuiltIn) return zlib.zstdCompressSync(data);
  if (!wasm) throw packageMissing(WHAT, COMPRESSOR, undefined);
  return wasm.compress(data);
}

/** Throws Error for damaged data and for output beyond the limit. */
export function zstdDecompress(data: Uint8Array, maxOutputLength: number): Buffer {
  if (isBuiltIn) return zlib.zstdDecompressSync(data, { maxOutputLength });
  const { Decompress } = requirePackage<Fzstd>('fzstd', WHAT);
  assertWindow(data, maxOutputLength);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Decompress(chunk => {
    length += chunk.length;
    if (length > maxOutputLength) throw new RangeError(`more than ${maxOutputLength} bytes`);
    // The package writes on in the same memory.
    chunks.push(Uint8Array.from(chunk));
  });
  stream.push(data, true);
  return Buffer.concat(chunks, length);
}

/** The package allocates the window that the head of the data asks for. */
function assertWindow(data: Uint8Array, limit: number): void {
  const descriptor = data[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const exponent = 10 + ((data[5] ?? 0) >> 3);
  if (!isSingleSegment && 2 ** exponent > limit) {
    throw new RangeError(`a window of more than ${limit} bytes`);
  }
  const sizeBytes = [1, 2, 4, 8][descriptor >> 6]!;
  if (!isSingleSegment) return;
  const at = 5 + [0, 1, 2, 4][descriptor & 3]!;
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + (data[at + i] ?? 0);
  if (size > limit) throw new RangeError(`more than ${limit} bytes`);
}
