/** Compression of message bodies, named in the `compression` header as kombu names it. */

import * as zlib from 'node:zlib';
import { didYouMean } from '../base/nearest.ts';
import { DecodeError, SerializerNotInstalled } from './errors.ts';

/** A small message must not be able to fill the memory of whoever reads it. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

interface Codec {
  readonly contentType: string;
  readonly aliases: readonly string[];
  readonly compress?: ((data: Uint8Array) => Uint8Array) | undefined;
  readonly decompress?: ((data: Uint8Array, maxOutputLength: number) => Buffer) | undefined;
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
    // Node has zstd from 22.15.
    ...(typeof zlib.zstdCompressSync === 'function' && {
      compress: (data: Uint8Array) => zlib.zstdCompressSync(data),
      decompress: (data: Uint8Array, maxOutputLength: number) =>
        zlib.zstdDecompressSync(data, { maxOutputLength }),
    }),
  },
  { contentType: 'application/x-bz2', aliases: ['bzip2', 'bzip'] },
  { contentType: 'application/x-lzma', aliases: ['lzma', 'xz'] },
];

const BY_NAME = new Map(
  CODECS.flatMap(codec => [codec.contentType, ...codec.aliases].map(name => [name, codec])),
);

function usableNames(): string[] {
  return CODECS.filter(codec => codec.compress !== undefined).flatMap(codec => codec.aliases);
}

/** Compressed bytes and the value of the `compression` header. Throws SerializerNotInstalled. */
export function compress(data: Uint8Array, name: string): { data: Uint8Array; type: string } {
  const codec = BY_NAME.get(name);
  if (codec?.compress === undefined) {
    const known = usableNames();
    const hint = codec === undefined ? didYouMean(name, known) : ' This Node.js cannot write it.';
    throw new SerializerNotInstalled(
      `No compression named ${JSON.stringify(name)} (known: ${known.join(', ')}).${hint}`,
    );
  }
  return { data: codec.compress(data), type: codec.contentType };
}

/**
 * The bytes before compression; `type` is the header's content type or an alias of it.
 * Throws DecodeError, also when the result would be larger than `maxOutputBytes`.
 */
export function decompress(
  data: Uint8Array,
  type: string,
  maxOutputBytes: number = MAX_OUTPUT_BYTES,
): Buffer {
  const codec = BY_NAME.get(type);
  if (codec?.decompress === undefined) {
    throw new DecodeError(
      `Cannot read a body compressed as ${JSON.stringify(type)} (readable: ${usableNames().join(', ')}).`,
    );
  }
  try {
    return codec.decompress(data, maxOutputBytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecodeError(`Cannot decompress a body of type ${type}: ${reason}`, { cause: error });
  }
}
