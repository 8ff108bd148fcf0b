/** TLS under kombu's names, as the settings and URLs of RabbitMQ and Redis have it alike. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/text/nearest.ts';

const CERT_REQS: Readonly<Record<string, boolean>> = {
  required: true,
  cert_required: true,
  optional: true,
  cert_optional: true,
  none: false,
  cert_none: false,
};

const FILES = [
  ['ca', 'ca_certs'],
  ['cert', 'certfile'],
  ['key', 'keyfile'],
] as const;

/**
 * @param option what is given under a name without `ssl_`
 * @param prefix of the names in errors
 * @throws ImproperlyConfigured for files that cannot be read and a `cert_reqs` that is none
 */
export function tlsOptions(
  option: (name: string) => unknown,
  prefix: '' | 'ssl_',
): ConnectionOptions {
  const tls: ConnectionOptions = {
    rejectUnauthorized: verifies(option('cert_reqs') ?? 'required', `${prefix}cert_reqs`),
  };
  for (const [part, name] of FILES) {
    const content = file(option(name), `${prefix}${name}`);
    if (content) tls[part] = content;
  }
  if (/^(false|no|0)$/i.test(String(option('check_hostname') ?? ''))) {
    tls.checkServerIdentity = () => undefined;
  }
  const password = option('keyfile_password') ?? option('password');
  if (typeof password === 'string') tls.passphrase = password;
  const ciphers = option('ciphers');
  if (typeof ciphers === 'string') tls.ciphers = ciphers;
  return tls;
}

function verifies(asked: unknown, option: string): boolean {
  // Python accepts ssl.CERT_REQUIRED (2), "CERT_REQUIRED" and "required".
  const byNumber = ['none', 'optional', 'required'];
  const name = String(typeof asked === 'number' ? (byNumber[asked] ?? asked) : asked);
  const verify = CERT_REQS[name.toLowerCase()];
  if (verify !== undefined) return verify;
  throw new ImproperlyConfigured(
    `Invalid ${option} ${JSON.stringify(asked)}: use required, optional or none.${didYouMean(name, Object.keys(CERT_REQS))}`,
  );
}

function file(value: unknown, option: string): Buffer | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  try {
    return readFileSync(String(value));
  } catch (error) {
    throw new ImproperlyConfigured(
      `Cannot read ${option} ${JSON.stringify(String(value))}: ${(error as Error).message}`,
    );
  }
}
