/** Self-signed X.509 certificates for tests, made without any other program. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface CertificateOptions {
  /** Attributes of the issuer in order: the last numbers of their 2.5.4.x ids, and their values. */
  readonly issuer?: readonly (readonly [attribute: number, value: string])[];
  readonly serial?: bigint;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly bits?: number;
  /** Encrypts the private key. */
  readonly password?: string;
}

export interface KeyPair {
  /** PEM */
  readonly key: string;
  /** PEM */
  readonly certificate: string;
}

const DAY_MS = 24 * 3600 * 1000;
const COMMON_NAME = 3;

export function selfSigned(options: CertificateOptions = {}): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: options.bits ?? 2048,
  });
  const body = certificateBody(publicKey, options);
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, SHA256_WITH_RSA, bitString(signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g)!;
  const { password } = options;
  const key = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(password !== undefined && { cipher: 'aes-256-cbc', passphrase: password }),
  });
  return {
    key: key.toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}

function certificateBody(publicKey: KeyObject, options: CertificateOptions): Buffer {
  const {
    issuer = [[COMMON_NAME, 'test']],
    serial = 1n,
    notBefore = new Date(Date.now() - DAY_MS),
    notAfter = new Date(Date.now() + DAY_MS),
  } = options;
  const name = sequence(
    ...issuer.map(([attribute, value]) => {
      const id = element(0x06, Buffer.from([0x55, 4, attribute]));
      return element(0x31, sequence(id, element(0x0c, Buffer.from(value))));
    }),
  );
  return sequence(
    element(0xa0, integer(2n)),
    integer(serial),
    SHA256_WITH_RSA,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

function integer(value: bigint): Buffer {
  const digits = value.toString(16);
  const hex = digits.padStart(digits.length + (digits.length % 2), '0');
  // a leading zero keeps it positive
  return element(0x02, Buffer.from(hex[0]! >= '8' ? `00${hex}` : hex, 'hex'));
}

function bitString(bytes: Buffer): Buffer {
  return element(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
  return element(0x18, Buffer.from(text));
}

const SHA256_WITH_RSA = sequence(
  element(0x06, Buffer.from('2a864886f70d01010b', 'hex')),
  element(0x05, Buffer.alloc(0)),
);
