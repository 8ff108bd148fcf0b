/** Digits of pi and of its square root. */
export const BLOCK_MAGIC = 0x314159265359;
export const END_MAGIC = 0x177245385090;
export const BZIP2_LEVEL = 9;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let i = 0; i < 8; i++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** CRC-32, highest bit first, as a signed 32-bit number. */
export function bzip2Crc(data: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < data.length; i++) crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ data[i]!]!;
  return ~crc;
}
