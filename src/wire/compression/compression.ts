/** Compression of message bodies, named in the `compression` header as kombu names it. */

import * as zlib from 'node:zlib';
import { CeleryError } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { DecodeError, SerializerNotInstalled } from '../errors.ts';
import { MAX_BODY_BYTES } from '../serializers/decode-limits.ts';
import { bzip2Decompress } from './bzip2-decoder.ts';
import { bzip2Compress } from './bzip2-encoder.ts';
import { xzCompress, xzDecompress } from './xz.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

export interface Codec {
  readonly contentType: string;
  readonly aliases: readonly string[];
  readonly compress: (data: Uint8Array) => Uint8Array;
  /**
   * Gives up when there is more than `maxOutputLength`, without having made all of it: that could
   * fill the memory.
   */
  readonly decompress: (data: Uint8Array, maxOutputLength: number) => Buffer;
}

const CODECS: readonly Codec[] = [
  {
    // A zlib stream under the name of gzip: kombu's choice, and on the wire for good.
    contentType: 'application/x-gzip',
    aliases: ['gzip', 'zlib'],
    compress: data => zlib.deflateSync(data),
    decompress: (data, maxOutputLength) => zlib.inflateSync(data, { maxOutputLength }),
  },
  {
    contentType: 'application/x-brotli',
    aliases: ['brotli'],
    compress: data => zlib.brotliCompressSync(data),
    decompress: (data, maxOutputLength) => zlib.brotliDecompressSync(data, { maxOutputLength }),
  },
  {
    contentType: 'application/zstd',
    aliases: ['zstd', 'zstandard'],
    compress: zstdCompress,
    decompress: zstdDecompress,
  },
  {
    contentType: 'application/x-bz2',
    aliases: ['bzip2', 'bzip'],
    compress: bzip2Compress,
    decompress: bzip2Decompress,
  },
  {
    contentType: 'application/x-lzma',
    aliases: ['lzma', 'xz'],
    compress: xzCompress,
    decompress: xzDecompress,
  },
];

const BY_NAME = new Map(
  CODECS.flatMap(codec => [codec.contentType, ...codec.aliases].map(name => [name, codec])),
);

function knownNames(): string[] {
  return CODECS.flatMap(codec => codec.aliases);
}

/** By alias or content type. Throws SerializerNotInstalled naming the nearest one. */
export function compressionNamed(name: string): Codec {
  const codec = BY_NAME.get(name);
  if (codec !== undefined) return codec;
  const known = knownNames();
  throw new SerializerNotInstalled(
    `No compression named ${JSON.stringify(name)} (known: ${known.join(', ')}).${didYouMean(name, known)}`,
  );
}

/** Compressed bytes and the value of the `compression` header. Throws SerializerNotInstalled. */
export function compress(data: Uint8Array, name: string): { data: Uint8Array; type: string } {
  const codec = compressionNamed(name);
  return { data: codec.compress(data), type: codec.contentType };
}

/**
 * The bytes before compression; `type` is the header's content type or an alias of it.
 * Throws DecodeError, also when the result would be larger than `maxOutputBytes`: a small
 * message must not be able to fill the memory of whoever reads it.
 */
export function decompress(
  data: Uint8Array,
  type: string,
  maxOutputBytes: number = MAX_BODY_BYTES,
): Buffer {
  const codec = BY_NAME.get(type);
  if (codec === undefined) {
    throw new DecodeError(
      `Cannot read a body compressed as ${JSON.stringify(type)} (readable: ${knownNames().join(', ')}).`,
    );
  }
  try {
    return codec.decompress(data, maxOutputBytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const missing = error instanceof CeleryError ? error.message : undefined;
    throw new DecodeError(missing ?? `Cannot decompress a body of type ${type}: ${reason}`, {
      cause: error,
    });
  }
}
