import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { refusePickleAsRoot } from '../../../../src/app/settings/security.ts';
import { Celery, type CeleryConfig, type SecurityOptions } from '../../../../src/index.ts';
import { decodeContent, serializerNamed } from '../../../../src/wire/content.ts';
import { selfSigned } from '../../../support/certificates.ts';

const own = selfSigned({ issuer: [[3, 'own']] });
const other = selfSigned({ issuer: [[3, 'other']] });
const SIGNED: CeleryConfig = { task_serializer: 'auth', accept_content: ['auth'] };
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tscelery-security-'));
  await mkdir(join(dir, 'trusted'));
  await mkdir(join(dir, 'empty'));
  const locked = selfSigned({ issuer: [[3, 'locked']], password: 's3cret' });
  const expired = selfSigned({ issuer: [[3, 'expired']], notAfter: new Date(Date.now() - 1000) });
  const files = {
    'own.key': own.key,
    'locked.key': locked.key,
    'locked.crt': locked.certificate,
    'expired.crt': expired.certificate,
    'other.key': other.key,
    'trusted/own.crt': own.certificate,
    'trusted/other.crt': other.certificate,
    'trusted/.hidden': 'no certificate',
    'broken.crt': 'no certificate',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
});
after(() => rm(dir, { recursive: true }));

const file = (name: string) => join(dir, name);

async function setUp(options: SecurityOptions = {}, config: CeleryConfig = SIGNED): Promise<void> {
  const app = new Celery('x', config);
  await app.configFromObject({});
  app.setupSecurity({
    key: file('own.key'),
    cert: file('trusted/own.crt'),
    store: file('trusted'),
    ...options,
  });
}

function roundTrip(): unknown {
  const packed = Buffer.from(serializerNamed('auth').encode(['x']));
  return decodeContent(packed, 'application/data', 'utf-8', new Set());
}

describe('setupSecurity', () => {
  test('takes keys and certificates from files', async () => {
    await setUp();

    assert.deepEqual(roundTrip(), ['x']);
  });

  for (const pattern of ['trusted/*', 'trus*/o*.crt', 't?usted/own.crt', 'trusted/[a-o]wn.crt']) {
    test(`finds the trusted certificates by a pattern: ${pattern}`, async () => {
      await setUp({ store: file(pattern) });

      assert.deepEqual(roundTrip(), ['x']);
    });
  }

  test('opens an encrypted key with its password', async () => {
    const locked = { key: file('locked.key'), cert: file('locked.crt'), store: file('locked.crt') };

    await setUp({ ...locked, keyPassword: 's3cret' });
    assert.deepEqual(roundTrip(), ['x']);
    await setUp({ ...locked, keyPassword: Buffer.from('s3cret') });
    await assert.rejects(setUp({ ...locked, keyPassword: 'wrong' }), { name: 'SecurityError' });
    await assert.rejects(setUp(locked), { name: 'SecurityError', message: /locked\.key/ });
  });

  test('waits for the config, which may name the files', async () => {
    const app = new Celery('x');
    app.setupSecurity();

    await app.configFromObject({
      ...SIGNED,
      security_key: file('own.key'),
      security_certificate: file('trusted/own.crt'),
      security_cert_store: file('trusted/*.crt'),
    });

    assert.deepEqual(roundTrip(), ['x']);
  });

  test('makes loading a config fail that leaves messages unsigned or unchecked', async () => {
    for (const config of [
      {},
      { task_serializer: 'auth' },
      { accept_content: ['auth'] },
      { task_serializer: 'auth', accept_content: ['auth', 'json'] },
    ]) {
      const app = new Celery('x');
      app.setupSecurity({ key: 'k', cert: 'c', store: 's' });

      await assert.rejects(app.configFromObject(config), {
        name: 'ImproperlyConfigured',
        message: /task_serializer = "auth" and accept_content = \["auth"\]/,
      });
    }
  });

  test('says which settings are missing', async () => {
    const app = new Celery('x', SIGNED);
    app.setupSecurity({ key: 'k' });

    await assert.rejects(app.configFromObject({}), {
      name: 'ImproperlyConfigured',
      message: /security_key, security_certificate and security_cert_store/,
    });
  });

  for (const [what, options, message] of [
    ['a key that is not there', { key: 'nowhere.key' }, /nowhere\.key/],
    ['a key of another certificate', { key: 'other.key' }, /does not belong to .*own 1/],
    ['what is no certificate', { cert: 'broken.crt' }, /broken\.crt.*PEM/],
    ['what is no key', { key: 'broken.crt' }, /broken\.crt/],
    ['a store without certificates', { store: 'empty' }, /No certificate matches.*empty/],
    ['an expired certificate in the store', { store: '*pired.crt' }, /Expired.*expired 1/],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const found = Object.fromEntries(
        Object.entries(options).map(([name, path]) => [name, file(path)]),
      );

      await assert.rejects(setUp(found), { name: 'SecurityError', message });
    });
  }

  test('refuses a digest that does not exist with the nearest one', async () => {
    await assert.rejects(setUp({ digest: 'sha257' }), {
      name: 'SecurityError',
      message: /"sha257".*Did you mean "sha/,
    });
  });
});

describe('pickle as root', () => {
  const root = { uid: 0, euid: 0, gid: 0, egid: 0 };
  const user = { uid: 1000, euid: 1000, gid: 1000, egid: 1000 };

  test('is refused under its name and its type', () => {
    for (const accept of [['pickle'], ['json', 'application/x-python-serialize']]) {
      assert.throws(() => refusePickleAsRoot(accept, root, {}), {
        name: 'SecurityError',
        message: /C_FORCE_ROOT=1.*uid=0/,
      });
    }
    assert.throws(() => refusePickleAsRoot(['pickle'], { ...user, egid: 0 }, {}), /egid=0/);
  });

  test('is left alone for others, without pickle, and when it is forced', () => {
    refusePickleAsRoot(['pickle'], user, {});
    refusePickleAsRoot(['json', 'yaml'], root, {});
    refusePickleAsRoot(['pickle'], root, { C_FORCE_ROOT: '1' });
    const windows = { uid: undefined, euid: undefined, gid: undefined, egid: undefined };
    refusePickleAsRoot(['pickle'], windows, {});
  });
});
