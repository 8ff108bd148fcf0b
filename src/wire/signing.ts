/**
 * Signed content, Celery's serializer `auth`: the body of another serializer with the name of
 * the signer and a signature, as one base64 text. Only the body is signed, not the headers.
 */

import {
  constants,
  createHash,
  getHashes,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { SecurityError } from '../base/errors.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { certificateId } from './certificate.ts';
import { decodeContent, type Serializer, serializerNamed } from './content.ts';

const SEPARATOR = Buffer.from([0, 1]);

export interface SigningOptions {
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly trusted: CertificateStore;
  /** Name of a hash, for example `sha256`. */
  readonly digest: string;
  /** Serializer of what is signed. */
  readonly serializer: string;
  /** Content types that may be inside of a signed message. */
  readonly accept: ReadonlySet<string>;
}

/** A certificate, with what each message needs of it read once. */
export class Certificate {
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly validToMs: number;

  /** @param pem text of the file. Throws SecurityError when it is no certificate with an RSA key. */
  constructor(pem: string | Buffer) {
    let x509: X509Certificate;
    try {
      x509 = new X509Certificate(pem);
      this.id = certificateId(x509);
    } catch (error) {
      throw new SecurityError('Not a certificate in PEM form.', { cause: error });
    }
    this.publicKey = x509.publicKey;
    this.validToMs = Date.parse(x509.validTo);
    assertRsa(this.publicKey, `The certificate ${JSON.stringify(this.id)}`);
  }

  get hasExpired(): boolean {
    return Date.now() >= this.validToMs;
  }
}

/** Throws SecurityError for a key that cannot make these signatures. */
export function assertRsa(key: KeyObject, what: string): void {
  const { asymmetricKeyType: type } = key;
  if (type === 'rsa' || type === 'rsa-pss') return;
  throw new SecurityError(`${what} has a key of type ${type}; messages are signed with RSA keys.`);
}

export class CertificateStore {
  readonly #certificates = new Map<string, Certificate>();

  get size(): number {
    return this.#certificates.size;
  }

  /** Throws SecurityError for an expired certificate and for an id that is there already. */
  add(certificate: Certificate): void {
    const { id } = certificate;
    if (certificate.hasExpired) throw expired(certificate);
    if (this.#certificates.has(id)) {
      throw new SecurityError(`Duplicate certificate: ${JSON.stringify(id)}`);
    }
    this.#certificates.set(id, certificate);
  }

  /** Throws SecurityError when nobody of that name is trusted, or no longer. */
  get(id: string): Certificate {
    const certificate = this.#certificates.get(id);
    if (certificate === undefined) {
      throw new SecurityError(`Unknown certificate: ${JSON.stringify(id.slice(0, 200))}`);
    }
    if (certificate.hasExpired) throw expired(certificate);
    return certificate;
  }
}

function expired({ id }: Certificate): SecurityError {
  return new SecurityError(`Expired certificate: ${JSON.stringify(id)}`);
}

/** Bytes of a digest. Throws SecurityError naming the nearest one when there is none of that name. */
export function digestBytes(digest: string): number {
  try {
    return createHash(digest).digest().length;
  } catch (error) {
    throw new SecurityError(
      `Unknown digest ${JSON.stringify(digest)}.${didYouMean(digest, getHashes())}`,
      { cause: error },
    );
  }
}

/**
 * The serializer `auth`. `decode` throws SecurityError for content that is not signed, not
 * signed by somebody trusted, or was changed since; nothing of it has been decoded then.
 */
export function signedSerializer(options: SigningOptions): Serializer {
  const hashBytes = digestBytes(options.digest);
  return {
    name: 'auth',
    contentType: 'application/data',
    contentEncoding: 'utf-8',
    encode: value => pack(value, options, hashBytes),
    decode: bytes => unpack(bytes, options, hashBytes),
  };
}

function pack(value: unknown, options: SigningOptions, hashBytes: number): string {
  const { key, certificate, digest } = options;
  const { contentType, contentEncoding, encode } = serializerNamed(options.serializer);
  const body = Buffer.from(encode(value));
  const signature = sign(digest, body, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: longestSalt(certificate.publicKey, hashBytes),
  });
  const fields = [Buffer.from(certificate.id), signature, contentType, contentEncoding, body];
  return Buffer.concat(
    fields.flatMap((field, i) => [...(i === 0 ? [] : [SEPARATOR]), Buffer.from(field)]),
  ).toString('base64');
}

function unpack(bytes: Buffer, options: SigningOptions, hashBytes: number): unknown {
  const { signature, signer, contentType, contentEncoding, body } = fields(bytes, options.trusted);
  const valid = verify(
    options.digest,
    body,
    {
      key: signer.publicKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: longestSalt(signer.publicKey, hashBytes),
    },
    signature,
  );
  if (!valid) throw new SecurityError(`Bad signature of ${JSON.stringify(signer.id)}.`);
  return decodeContent(body, contentType, contentEncoding, options.accept);
}

interface Fields {
  readonly signer: Certificate;
  readonly signature: Buffer;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly body: Buffer;
}

/** The signature may contain the separator, so its length is taken from the signer's key. */
function fields(bytes: Buffer, trusted: CertificateStore): Fields {
  const packed = Buffer.from(bytes.toString('latin1'), 'base64');
  const signerEnd = packed.indexOf(SEPARATOR);
  if (signerEnd < 0) throw new SecurityError('Content that is not signed is refused.');
  const signer = trusted.get(packed.toString('utf8', 0, signerEnd));
  const start = signerEnd + SEPARATOR.length;
  const end = start + keyBytes(signer.publicKey);
  const [type, encoding, body] = split(packed.subarray(end + SEPARATOR.length));
  return {
    signer,
    signature: packed.subarray(start, end),
    contentType: type.toString('utf8'),
    contentEncoding: encoding.toString('utf8'),
    body,
  };
}

function split(rest: Buffer): [Buffer, Buffer, Buffer] {
  const typeEnd = rest.indexOf(SEPARATOR);
  const encodingEnd = rest.indexOf(SEPARATOR, typeEnd + SEPARATOR.length);
  if (typeEnd < 0 || encodingEnd < 0) throw new SecurityError('Damaged signed content.');
  return [
    rest.subarray(0, typeEnd),
    rest.subarray(typeEnd + SEPARATOR.length, encodingEnd),
    rest.subarray(encodingEnd + SEPARATOR.length),
  ];
}

function keyBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
}

function keyBytes(key: KeyObject): number {
  return Math.ceil(keyBits(key) / 8);
}

/** What Python's cryptography calls MAX_LENGTH; both sides must mean the same. */
function longestSalt(key: KeyObject, hashBytes: number): number {
  return Math.ceil((keyBits(key) - 1) / 8) - hashBytes - 2;
}
