/**
 * The parts of an X.509 certificate that name it on the wire. Node gives names as text with
 * escapes of its own, so they are read from the certificate's DER here.
 */

import type { X509Certificate } from 'node:crypto';

/** Celery's id of a certificate: the values of the issuer's name and the serial number. */
export function certificateId(certificate: X509Certificate): string {
  const [body] = elements(new Der(certificate.raw).content);
  if (!body) throw new RangeError('not a certificate');
  const fields = elements(body.content);
  // A version in front is optional: DER leaves out the default, which is version 1.
  const at = fields[0]?.tag === 0xa0 ? 1 : 0;
  const [serial, , issuer] = fields.slice(at);
  if (!serial || !issuer) throw new RangeError('not a certificate');
  return [...issuerValues(issuer), integer(serial.content)].join(' ');
}

/** A name is a sequence of sets of pairs (attribute, value). */
function issuerValues(issuer: Der): string[] {
  return elements(issuer.content)
    .flatMap(set => elements(set.content))
    .map(pair => elements(pair.content)[1])
    .map(value => (value === undefined ? '' : text(value)));
}

/** One element: a tag, a length and that many bytes. */
class Der {
  readonly tag: number;
  readonly content: Buffer;
  /** Bytes that the element takes. */
  readonly length: number;

  constructor(bytes: Buffer) {
    this.tag = bytes.readUInt8(0);
    const first = bytes.readUInt8(1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const size = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
    this.length = 2 + lengthBytes + size;
    this.content = bytes.subarray(2 + lengthBytes, this.length);
  }
}

function elements(bytes: Buffer): Der[] {
  const found: Der[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = new Der(bytes.subarray(at));
    found.push(element);
    at += element.length;
  }
  return found;
}

function integer(content: Buffer): bigint {
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`));
}

const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;
const TELETEX_STRING = 0x14;

function text({ tag, content }: Der): string {
  if (tag === BMP_STRING) return Buffer.from(content).swap16().toString('utf16le');
  if (tag === TELETEX_STRING) return content.toString('latin1');
  if (tag !== UNIVERSAL_STRING) return content.toString('utf8');
  let characters = '';
  for (let at = 0; at + 4 <= content.length; at += 4) {
    characters += String.fromCodePoint(content.readUInt32BE(at));
  }
  return characters;
}
