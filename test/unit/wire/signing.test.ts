import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { certificateId } from '../../../src/wire/certificate.ts';
import {
  acceptedContentTypes,
  decodeContent,
  registerSerializer,
  serializerNamed,
} from '../../../src/wire/content.ts';
import {
  Certificate,
  CertificateStore,
  type SigningOptions,
  signedSerializer,
} from '../../../src/wire/signing.ts';
import { type CertificateOptions, type KeyPair, selfSigned } from '../../support/certificates.ts';

const YESTERDAY = new Date(Date.now() - 24 * 3600 * 1000);
const alice = selfSigned({ issuer: [[3, 'alice']] });
const mallory = selfSigned({ issuer: [[3, 'mallory']] });

function signer(pair: KeyPair, trusted: readonly KeyPair[], more: Partial<SigningOptions> = {}) {
  const store = new CertificateStore();
  for (const { certificate } of trusted) store.add(new Certificate(certificate));
  return signedSerializer({
    key: createPrivateKey(pair.key),
    certificate: new Certificate(pair.certificate),
    trusted: store,
    digest: 'sha256',
    serializer: 'json',
    accept: acceptedContentTypes(['json']),
    ...more,
  });
}

const id = (options: CertificateOptions) =>
  certificateId(new X509Certificate(selfSigned(options).certificate));

describe('the id of a certificate', () => {
  test('is the issuer’s values in order and the serial number', () => {
    const issuer = [
      [6, 'DE'],
      [10, 'Ä, "Co" + Söhne = 1'],
      [3, '#x \\ y'],
    ] as const;

    assert.equal(
      id({ issuer, serial: 2n ** 80n + 5n }),
      `DE Ä, "Co" + Söhne = 1 #x \\ y ${2n ** 80n + 5n}`,
    );
    assert.equal(id({ issuer: [[3, 'x']], serial: 128n }), 'x 128');
  });
});

describe('signed content', () => {
  test('of somebody trusted is read', () => {
    const auth = signer(alice, [alice]);

    const packed = auth.encode([[1, 'ü'], {}, null]);

    assert.match(String(packed), /^[A-Za-z0-9+/]+=*$/);
    assert.deepEqual(auth.decode(Buffer.from(packed)), [[1, 'ü'], {}, null]);
  });

  for (const [digest, bits] of [
    ['sha256', 2047],
    ['sha512', 1024],
    ['SHA1', 3072],
    ['sha3-256', 2048],
  ] as const) {
    test(`may use ${digest} and a key of ${bits} bits`, () => {
      const pair = selfSigned({ bits });
      const auth = signer(pair, [pair], { digest });

      assert.equal(auth.decode(Buffer.from(auth.encode('x'))), 'x');
    });
  }

  test('may contain the bytes that separate its parts', () => {
    const auth = signer(alice, [alice], {
      serializer: 'msgpack',
      accept: acceptedContentTypes(['msgpack']),
    });
    const value = Buffer.from([0, 1, 0, 1]);

    assert.deepEqual(auth.decode(Buffer.from(auth.encode(value))), value);
  });

  test('of somebody unknown is refused', () => {
    const packed = signer(mallory, [mallory]).encode('x');

    assert.throws(() => signer(alice, [alice]).decode(Buffer.from(packed)), {
      name: 'SecurityError',
      message: 'Unknown certificate: "mallory 1"',
    });
  });

  test('with the name of somebody trusted and another key is refused', () => {
    const forged = signer(selfSigned({ issuer: [[3, 'alice']] }), []).encode('x');

    assert.throws(() => signer(alice, [alice]).decode(Buffer.from(forged)), {
      name: 'SecurityError',
      message: 'Bad signature of "alice 1".',
    });
  });

  test('that was changed anywhere is refused', () => {
    const auth = signer(alice, [alice]);
    const packed = Buffer.from(String(auth.encode({ amount: 10 })), 'base64');
    const positions = [0, 8, 20, 100, packed.length - 3, packed.length - 1];

    for (const at of positions) {
      const changed = Buffer.from(packed);
      changed[at]! ^= 1;
      assert.throws(
        () => auth.decode(Buffer.from(changed.toString('base64'))),
        { name: /^(?:SecurityError)$/ },
        `position ${at}`,
      );
    }
  });

  test('that is not signed at all is refused', () => {
    const auth = signer(alice, [alice]);

    for (const text of [
      '',
      '[[], {}, null]',
      'AAAA',
      Buffer.from('alice 1\0\x01').toString('base64'),
    ]) {
      assert.throws(() => auth.decode(Buffer.from(text)), { name: 'SecurityError' }, text);
    }
  });

  test('in a serializer that is not allowed is refused', () => {
    const packed = signer(alice, [alice], { serializer: 'yaml' }).encode('x');

    assert.throws(() => signer(alice, [alice]).decode(Buffer.from(packed)), {
      name: 'ContentDisallowed',
      message: /application\/x-yaml/,
    });
  });

  test('whose signer’s certificate ran out since is refused', t => {
    const pair = selfSigned({ notAfter: new Date(Date.now() + 60_000) });
    const auth = signer(pair, [pair]);
    const packed = Buffer.from(auth.encode('x'));
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 120_000 });

    assert.throws(() => auth.decode(packed), {
      name: 'SecurityError',
      message: 'Expired certificate: "test 1"',
    });
  });

  test('is all that is read of plain bytes once messages are signed', () => {
    registerSerializer(signer(alice, [alice]));
    const type = 'application/data';
    const accept = acceptedContentTypes(['auth']);

    const signed = Buffer.from(serializerNamed('auth').encode([1]));

    assert.deepEqual(decodeContent(signed, type, 'utf-8', accept), [1]);
    assert.throws(() => decodeContent(Buffer.from('[1]'), type, 'utf-8', accept), {
      name: 'SecurityError',
    });
    assert.throws(() => decodeContent(Buffer.from('[1]'), 'application/json', 'utf-8', accept), {
      name: 'ContentDisallowed',
    });
  });
});

describe('a store of certificates', () => {
  test('refuses an expired certificate and one that is there already', () => {
    const store = new CertificateStore();
    const expired = new Certificate(
      selfSigned({ notBefore: new Date(0), notAfter: YESTERDAY }).certificate,
    );
    store.add(new Certificate(alice.certificate));

    assert.throws(() => store.add(expired), { name: 'SecurityError', message: /^Expired/ });
    assert.throws(() => store.add(new Certificate(alice.certificate)), {
      name: 'SecurityError',
      message: /^Duplicate/,
    });
  });

  test('refuses what is no certificate, and digests that do not exist', () => {
    assert.throws(() => new Certificate('hello'), {
      name: 'SecurityError',
      message: /PEM/,
    });
    assert.throws(() => signer(alice, [alice], { digest: 'sha257' }), {
      name: 'SecurityError',
      message: /Unknown digest "sha257"/,
    });
  });
});
