/** Signed messages between this library and Python's `celery.security`. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { acceptedContentTypes, type Serializer } from '../../src/wire/content.ts';
import { Certificate, CertificateStore, signedSerializer } from '../../src/wire/signing.ts';
import { selfSigned } from '../support/certificates.ts';
import { python, runPython } from '../support/python.ts';

const skip = await runPython('import celery.security').then(
  () => false,
  () => 'python3-celery or python3-cryptography is not installed',
);

const PYTHON = `
from celery.security.serialization import SecureSerializer
from celery.security.certificate import Certificate, FSCertStore
from celery.security.key import PrivateKey
key = lambda name: open(data['dir'] + '/' + name + '.key').read()
cert = lambda name: open(data['dir'] + '/' + name + '.crt').read()
store = FSCertStore(data['dir'] + '/trusted*.crt')
def signer(name, digest='sha256', serializer='json'):
    return SecureSerializer(PrivateKey(key(name)), Certificate(cert(name)), store, digest, serializer)
def attempt(run):
    try:
        return run()
    except Exception as exc:
        return [type(exc).__name__, str(exc)]
out = {
    'read': [attempt(lambda: signer('trusted', digest).deserialize(text)) for digest, text in data['packed']],
    'forged': attempt(lambda: signer('trusted').deserialize(data['forged'])),
    'written': [[digest, signer('trusted2', digest, serializer).serialize(data['value'])]
                for digest, serializer in [('sha256', 'json'), ('sha512', 'json'), ('sha256', 'yaml')]],
    'stranger': signer('stranger').serialize(data['value']),
}
`;

interface Answer {
  readonly read: unknown[];
  readonly forged: unknown;
  readonly written: [digest: string, text: string][];
  readonly stranger: string;
}

describe('signed content shared with Python', { skip }, () => {
  const VALUE = [[1, 'ü', null], { a: [true] }, {}];
  const pairs = {
    trusted: selfSigned({
      issuer: [
        [6, 'DE'],
        [3, 'trusted Ä, "x"'],
      ],
      serial: 2n ** 70n,
    }),
    trusted2: selfSigned({ issuer: [[3, 'trusted']], serial: 200n, bits: 3072 }),
    stranger: selfSigned({ issuer: [[3, 'stranger']] }),
  };
  let dir: string;
  let answer: Answer;

  function signer(pair: { key: string; certificate: string }, digest = 'sha256'): Serializer {
    const trusted = new CertificateStore();
    trusted.add(new Certificate(pairs.trusted.certificate));
    trusted.add(new Certificate(pairs.trusted2.certificate));
    return signedSerializer({
      key: createPrivateKey(pair.key),
      certificate: new Certificate(pair.certificate),
      trusted,
      digest,
      serializer: 'json',
      accept: acceptedContentTypes(['json', 'yaml']),
    });
  }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tscelery-signing-'));
    for (const [name, { key, certificate }] of Object.entries(pairs)) {
      await writeFile(join(dir, `${name}.key`), key);
      await writeFile(join(dir, `${name}.crt`), certificate);
    }
    answer = await python<Answer>(PYTHON, {
      dir,
      value: VALUE,
      packed: ['sha256', 'sha512'].map(digest => [
        digest,
        signer(pairs.trusted, digest).encode(VALUE),
      ]),
      forged: signer(pairs.stranger).encode(VALUE),
    });
  });
  after(() => rm(dir, { recursive: true }));

  it('is read there when signed here', () => {
    assert.deepEqual(answer.read, [VALUE, VALUE]);
  });

  it('is read here when signed there', () => {
    for (const [digest, text] of answer.written) {
      assert.deepEqual(signer(pairs.trusted, digest).decode(Buffer.from(text)), VALUE);
    }
  });

  it('of a stranger is refused on both sides', () => {
    const [name, message] = answer.forged as [string, string];

    assert.equal(name, 'SecurityError');
    assert.match(message, /stranger 1/);
    assert.throws(() => signer(pairs.trusted).decode(Buffer.from(answer.stranger)), {
      name: 'SecurityError',
      message: /stranger 1/,
    });
  });
});
