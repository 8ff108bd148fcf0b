/**
 * Signed messages: reads keys and certificates from the files that the settings name, and
 * installs the serializer `auth`. Also what a worker that runs as root must not do.
 */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { ImproperlyConfigured, SecurityError } from '../../base/errors.ts';
import { acceptedContentTypes, registerSerializer } from '../../wire/content.ts';
import { assertRsa, Certificate, CertificateStore, signedSerializer } from '../../wire/signing.ts';
import type { Settings } from './settings.ts';

export interface SecurityOptions {
  /** File of the private key (PEM); default `security_key`. */
  readonly key?: string;
  /** Default `security_key_password`. */
  readonly keyPassword?: string | Uint8Array;
  /** File of its certificate (PEM); default `security_certificate`. */
  readonly cert?: string;
  /** Folder or file name pattern of the trusted certificates; default `security_cert_store`. */
  readonly store?: string;
  /** Default `security_digest` (sha256). */
  readonly digest?: string;
  /** Serializer of what is signed. Default `json`. */
  readonly serializer?: string;
  /** Serializers that signed messages of others may use, besides json and `serializer`. */
  readonly allowedSerializers?: readonly string[];
}

/**
 * Installs the serializer `auth` for this process.
 *
 * @throws ImproperlyConfigured for settings that would leave messages unsigned or unchecked,
 *   SecurityError for keys and certificates that cannot be used
 */
export function setUpSecurity(conf: Settings, options: SecurityOptions): void {
  refuseUnchecked(conf);
  const key = options.key ?? conf.get('security_key');
  const cert = options.cert ?? conf.get('security_certificate');
  const store = options.store ?? conf.get('security_cert_store');
  if (!key || !cert || !store) {
    throw new ImproperlyConfigured(
      'Signed messages need the settings security_key, security_certificate and security_cert_store.',
    );
  }
  const serializer = options.serializer ?? 'json';
  const certificate = readCertificate(cert);
  registerSerializer(
    signedSerializer({
      key: readKey(key, options.keyPassword ?? conf.get('security_key_password'), certificate),
      certificate,
      trusted: readStore(store),
      digest: options.digest ?? conf.get('security_digest'),
      serializer,
      accept: acceptedContentTypes(['json', serializer, ...(options.allowedSerializers ?? [])]),
    }),
  );
}

function refuseUnchecked(conf: Settings): void {
  const accept = conf.get('accept_content');
  if (conf.get('task_serializer') === 'auth' && accept.length === 1 && accept[0] === 'auth') return;
  throw new ImproperlyConfigured(
    'Signed messages need task_serializer = "auth" and accept_content = ["auth"]: there is no point in signing messages that are not checked.',
  );
}

function readKey(path: string, password: unknown, certificate: Certificate): KeyObject {
  let key: KeyObject;
  try {
    const passphrase =
      password instanceof Uint8Array ? Buffer.from(password) : (password as string | null);
    key = createPrivateKey({ key: readFileSync(path), ...(passphrase && { passphrase }) });
  } catch (error) {
    throw unusable('private key', path, error);
  }
  assertRsa(key, `The private key ${JSON.stringify(path)}`);
  if (!createPublicKey(key).equals(certificate.publicKey)) {
    throw new SecurityError(
      `The private key ${JSON.stringify(path)} does not belong to the certificate ${JSON.stringify(certificate.id)}.`,
    );
  }
  return key;
}

function readCertificate(path: string): Certificate {
  try {
    return new Certificate(readFileSync(path));
  } catch (error) {
    throw unusable('certificate', path, error);
  }
}

function readStore(pattern: string): CertificateStore {
  const store = new CertificateStore();
  for (const path of matchingFiles(pattern)) store.add(readCertificate(path));
  if (store.size > 0) return store;
  throw new SecurityError(
    `No certificate matches security_cert_store ${JSON.stringify(pattern)}: every message would be refused.`,
  );
}

function unusable(what: string, path: string, error: unknown): SecurityError {
  const reason = error instanceof Error ? error.message : String(error);
  return new SecurityError(`The ${what} ${JSON.stringify(path)} cannot be used: ${reason}`, {
    cause: error,
  });
}

/** Files of a folder, or those that a shell would match: `*`, `?` and `[abc]` in any part. */
function matchingFiles(pattern: string): string[] {
  const full = resolve(pattern);
  const isFolder = statSync(full, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const parts = (isFolder ? join(full, '*') : full).split(sep);
  let found = [parts[0] === '' ? sep : `${parts[0]}${sep}`];
  for (const part of parts.slice(1)) found = found.flatMap(folder => matches(folder, part));
  return found.filter(path => statSync(path, { throwIfNoEntry: false })?.isFile()).sort();
}

function matches(folder: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [join(folder, part)];
  const words = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
    .replaceAll('[!', '[^');
  const pattern = new RegExp(`^${words}$`, 's');
  try {
    const names = readdirSync(folder).filter(name => pattern.test(name) && !name.startsWith('.'));
    return names.map(name => join(folder, name));
  } catch {
    return []; // no folder, or not ours to read
  }
}

export interface ProcessUser {
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly gid: number | undefined;
  readonly egid: number | undefined;
}

function currentUser(): ProcessUser {
  return {
    uid: process.getuid?.(),
    euid: process.geteuid?.(),
    gid: process.getgid?.(),
    egid: process.getegid?.(),
  };
}

/**
 * For a worker, before it consumes: pickle as root needs `C_FORCE_ROOT` in the environment, as
 * in Celery. (Pickles are never executed here, but Python workers that share the config do.)
 *
 * @param accept `accept_content`
 * @throws SecurityError
 */
export function refusePickleAsRoot(
  accept: readonly string[],
  user: ProcessUser = currentUser(),
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const isRoot = [user.uid, user.euid, user.gid, user.egid].includes(0);
  const acceptsPickle = acceptedContentTypes(accept).has('application/x-python-serialize');
  if (!isRoot || !acceptsPickle || environment.C_FORCE_ROOT) return;
  const { uid, euid, gid, egid } = user;
  throw new SecurityError(
    `A worker that accepts pickle must not run as root: whoever can send it a message could be root. ` +
      `Take pickle out of accept_content or run the worker as another user; ` +
      `C_FORCE_ROOT=1 in the environment starts it all the same. ` +
      `(uid=${uid} euid=${euid} gid=${gid} egid=${egid})`,
  );
}
