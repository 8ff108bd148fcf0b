/**
 * The xz format through @napi-rs/lzma. Its decoder knows no limit, so the sizes are added up
 * first: they stand at the head of every piece of the data.
 */

import { requirePackage } from '../optional-package.ts';

interface XzPackage {
  compressSync(data: Uint8Array): Buffer;
  decompressSync(data: Uint8Array): Buffer;
}

const HEADER_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]);
const HEADER_BYTES = 12;
const FOOTER_BYTES = 12;
/** Checksum sizes by the check's number in the stream header. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** Version 1.5 wants Node 22.20; the last one for all is 1.4.5. */
function xz(): XzPackage {
  const install = process.versions.node.startsWith('20.') ? '@napi-rs/lzma@1.4.5' : '@napi-rs/lzma';
  return requirePackage<XzPackage>('@napi-rs/lzma/xz', 'lzma compression', install);
}

export function xzCompress(data: Uint8Array): Buffer {
  return xz().compressSync(data);
}

/** Throws RangeError for output beyond the limit, Error for damaged data. */
export function xzDecompress(data: Uint8Array, maxOutputLength: number): Buffer {
  const { decompressSync } = xz();
  const size = unpackedSize(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  if (size > maxOutputLength) throw new RangeError(`more than ${maxOutputLength} bytes`);
  return decompressSync(data);
}

/** Bytes that the LZMA2 chunks of all blocks say they hold. */
function unpackedSize(data: Buffer): number {
  if (!data.subarray(0, HEADER_MAGIC.length).equals(HEADER_MAGIC)) {
    throw new RangeError('no xz header');
  }
  const checkBytes = CHECK_BYTES[byteAt(data, 7) & 0x0f]!;
  let at = HEADER_BYTES;
  let size = 0;
  // A block header begins with its length, the index after the last block with zero.
  for (let words = byteAt(data, at); words !== 0; words = byteAt(data, at)) {
    const body = at + (words + 1) * 4;
    const chunks = walkChunks(data, body);
    size += chunks.size;
    at = chunks.end + ((4 - ((chunks.end - body) % 4)) % 4) + checkBytes;
  }
  assertLastStream(data, at);
  return size;
}

/** Another stream behind the first one would not be counted. */
function assertLastStream(data: Buffer, index: number): void {
  const footer = data.length - FOOTER_BYTES;
  if (footer < index) throw new RangeError('it ends early');
  const indexBytes = (data.readUInt32LE(footer + 4) + 1) * 4;
  if (index + indexBytes !== footer) throw new RangeError('damaged data');
}

function walkChunks(data: Buffer, start: number): { size: number; end: number } {
  let at = start;
  let size = 0;
  for (;;) {
    const control = byteAt(data, at++);
    if (control === 0) return { size, end: at };
    const low = byteAt(data, at) * 256 + byteAt(data, at + 1) + 1;
    if (control < 0x80) {
      if (control > 2) throw new RangeError('damaged data');
      size += low;
      at += 2 + low;
    } else {
      size += (control & 0x1f) * 65536 + low;
      const packed = byteAt(data, at + 2) * 256 + byteAt(data, at + 3) + 1;
      at += 4 + (control >= 0xc0 ? 1 : 0) + packed;
    }
  }
}

function byteAt(data: Buffer, at: number): number {
  const byte = data[at];
  if (byte === undefined) throw new RangeError('it ends early');
  return byte;
}
