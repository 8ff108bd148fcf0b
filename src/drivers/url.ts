/** Reading broker (and Redis result backend) URLs. One place, so that all of them agree. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { didYouMean } from '../base/text/nearest.ts';

/** One URL taken apart; text parts are percent-decoded. */
export interface ServerUrl {
  /** Lower case, everything before `://`: `redis`, `rediss`, `sqla+sqlite`. */
  readonly scheme: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** What follows the first `/` after the host, decoded: a database number, virtual host or file. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** What follows a `#`, as it stands; no URL of ours has a meaning for it, so it is refused. */
  readonly fragment: string;
  /** The whole URL; it may hold a password and must not be shown. */
  readonly text: string;
  /** The same without password, for people. */
  readonly masked: string;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray % is an odd but legal password character, and Python lets it pass too.
    return text;
  }
}

function splitAt(text: string, index: number): [string, string] {
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

function parsePort(text: string, url: string): number | undefined {
  if (text === '') return undefined;
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (port > 0 && port <= 65_535) return port;
  // With an @ further on this is no port but a password whose / ? or # was not written as %2F %3F %23.
  const shown = url.includes('@', url.indexOf(`:${text}`))
    ? 'A password with / ? or # in it must be percent-encoded'
    : `Invalid port ${JSON.stringify(text)} in the URL ${maskUrl(url)}`;
  throw new ImproperlyConfigured(`${shown}; a port is a number from 1 to 65535.`);
}

function parseHost(text: string, url: string): Pick<ServerUrl, 'host' | 'port'> {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) return { host: bracketed[1], port: parsePort(bracketed[2] ?? '', url) };
  const [host, port] = splitAt(text, text.lastIndexOf(':'));
  if (/[:[\]]/.test(host)) {
    throw new ImproperlyConfigured(
      `Invalid host in the URL ${JSON.stringify(maskUrl(url))}; the address of an IPv6 host stands in [ ].`,
    );
  }
  return { host: host === '' ? undefined : decode(host), port: parsePort(port, url) };
}

function parseQuery(text: string, masked: string): Record<string, string> {
  const pairs = [...new URLSearchParams(text)];
  const twice = pairs.find(([name], i) => pairs.findIndex(other => other[0] === name) < i);
  if (twice) {
    throw new ImproperlyConfigured(`${twice[0]} is given twice in ${JSON.stringify(masked)}.`);
  }
  return Object.fromEntries(pairs);
}

function splitAuthority(
  rest: string,
): [authority: string, path: string, query: string, fragment: string] {
  const [withoutFragment, fragment] = splitAt(rest, rest.indexOf('#'));
  const [address, query] = splitAt(withoutFragment, withoutFragment.indexOf('?'));
  const [authority, path] = splitAt(address, address.indexOf('/'));
  return [authority, path, query, fragment];
}

/** Takes one URL apart. Throws ImproperlyConfigured, without showing a password. */
export function parseUrl(text: string): ServerUrl {
  const trimmed = text.trim();
  const masked = maskUrl(trimmed);
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(trimmed);
  if (!match) {
    throw new ImproperlyConfigured(
      `${JSON.stringify(masked)} is not a URL: it should begin with a transport, as in redis://localhost:6379/0.`,
    );
  }
  const [authority, path, query, fragment] = splitAuthority(match[2]!);
  // The last @ ends the user info, so that a password may contain one.
  const at = authority.lastIndexOf('@');
  if (authority.includes(';', at + 1)) {
    throw new ImproperlyConfigured(
      `After the ";" in ${JSON.stringify(masked)} there should be a whole URL, beginning with a transport; in a password it is written %3B.`,
    );
  }
  const userInfo = authority.slice(0, Math.max(at, 0));
  if (userInfo.includes(':') && match[2]!.includes('@', authority.length)) {
    throw new ImproperlyConfigured(
      `${JSON.stringify(masked)} is ambiguous: / ? # in a password, and @ behind the host, must be percent-encoded.`,
    );
  }
  const [username, password] = splitAt(userInfo, userInfo.indexOf(':'));
  return {
    scheme: match[1]!.toLowerCase(),
    username: username === '' ? undefined : decode(username),
    password: password === '' ? undefined : decode(password),
    ...parseHost(authority.slice(at + 1), trimmed),
    path: decode(path),
    query: parseQuery(query, masked),
    fragment,
    text: trimmed,
    masked,
  };
}

/** A `;` that a URL, or a bare transport name and no @ follows; any other belongs to a password. */
const BETWEEN_URLS =
  /;(?=\s*[a-z][a-z0-9+.-]*:\/\/|\s*(?:[a-z][a-z0-9+-]*)?\s*(?:;|$)(?![\s\S]*@))/i;

/**
 * A `broker_url`: one URL or several with `;` between them, the first preferred. A bare
 * transport name (`memory`, `redis`) stands for its URL with nothing else in it.
 */
export function parseUrls(text: string): readonly [ServerUrl, ...ServerUrl[]] {
  const parts = text
    .split(BETWEEN_URLS)
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(part => parseUrl(/^[a-z][a-z0-9+.-]*$/i.test(part) ? `${part}://` : part));
  const [first, ...others] = parts;
  if (!first) throw new ImproperlyConfigured('The broker URL is empty.');
  return [first, ...others];
}

/** The error for a scheme nobody implements; names the nearest one. */
export function unknownScheme(
  kind: 'transport' | 'result backend',
  scheme: string,
  known: Iterable<string>,
): ImproperlyConfigured {
  const suggestion = didYouMean(scheme, known);
  return new ImproperlyConfigured(`No such ${kind}: ${scheme}${suggestion && `.${suggestion}`}`);
}
