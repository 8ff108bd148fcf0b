/**
 * zstd by Node where it has it (22.15 and later), else by the original library as WebAssembly.
 * (The decoders written in JavaScript loop for ever on some damaged input.)
 */

import * as zlib from 'node:zlib';
import { type PackageFolder, packageFolder } from '../../base/packages/package-folder.ts';
import { packageMissing } from '../optional-package.ts';

const PACKAGE = '@bokuweb/zstd-wasm';
/** libzstd's error for an output buffer that is too small. */
const TOO_SMALL = /code -70$/;
/** First guess at the size of data that does not tell, in output bytes per input byte. */
const USUAL_RATIO = 16;

interface ZstdWasm {
  compress(data: Uint8Array): Uint8Array;
  /** Makes room for what the data says it holds, or else for `defaultHeapSize`. */
  decompress(data: Uint8Array, options: { defaultHeapSize: number }): Uint8Array;
}

/** The package's own set-up is asynchronous, and bodies are not; this is what it offers for it. */
interface EmscriptenModule {
  instantiateWasm: (imports: object, receive: (instance: object) => object) => object;
  init(bytes: Buffer): void;
}

/** Node's types leave it to those of browsers. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Buffer) => object;
    Instance: new (module: object, imports: object) => object;
  };
};

let wasm: ZstdWasm | undefined;

function zstdWasm(): ZstdWasm {
  wasm ??= loadWasm();
  return wasm;
}

function loadWasm(): ZstdWasm {
  let folder: PackageFolder;
  try {
    folder = packageFolder(PACKAGE);
  } catch (error) {
    const what = 'zstd compression (Node.js has it built in from 22.15 on)';
    throw packageMissing(what, PACKAGE, error);
  }
  const { Module } = folder.require('zstd.js') as { Module: EmscriptenModule };
  const bytes = folder.read('zstd.wasm');
  Module.instantiateWasm = (imports, receive) =>
    receive(new WebAssembly.Instance(new WebAssembly.Module(bytes), imports));
  Module.init(bytes);
  return folder.main as ZstdWasm;
}

/** Throws SerializerNotInstalled where Node has no zstd and the package is missing. */
export function zstdCompress(data: Uint8Array): Uint8Array {
  if (typeof zlib.zstdCompressSync === 'function') return zlib.zstdCompressSync(data);
  return zstdWasm().compress(data);
}

/** Throws Error for damaged data and for output beyond the limit. */
export function zstdDecompress(data: Uint8Array, maxOutputLength: number): Buffer {
  if (typeof zlib.zstdDecompressSync === 'function') {
    return zlib.zstdDecompressSync(data, { maxOutputLength });
  }
  const { decompress } = zstdWasm();
  const told = contentSize(data);
  if (told !== undefined && told > maxOutputLength) throw tooLarge(maxOutputLength);
  let room = Math.min(maxOutputLength, Math.max(64 * 1024, data.length * USUAL_RATIO));
  for (;;) {
    try {
      return asBuffer(decompress(data, { defaultHeapSize: room }));
    } catch (error) {
      const isTooSmall = error instanceof Error && TOO_SMALL.test(error.message);
      if (!isTooSmall || told !== undefined) throw error;
      if (room === maxOutputLength) throw tooLarge(maxOutputLength);
      room = Math.min(maxOutputLength, room * 4);
    }
  }
}

function tooLarge(limit: number): RangeError {
  return new RangeError(`more than ${limit} bytes`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What the head of a frame says about its content's size; undefined when it does not. */
function contentSize(data: Uint8Array): number | undefined {
  const descriptor = data[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if (sizeBytes === 0) return undefined;
  const at = (isSingleSegment ? 5 : 6) + [0, 1, 2, 4][descriptor & 3]!;
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + (data[at + i] ?? 0);
  return sizeBytes === 2 ? size + 256 : size;
}
