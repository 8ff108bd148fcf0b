/** Taking passwords out of anything that may reach a log, a report or a screen. */

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** Between the URLs of a list; a password may have a `;` in it too. */
const BETWEEN_URLS = /;(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i;
const SECRET_QUERY = /([?&](?:[^=&]*(?:password|secret|token|passwd|api_?key)[^=&]*)=)[^&]*/gi;

/** Where user and password stand in a URL; undefined when it has none. */
function userInfoIn(url: string): { readonly from: number; readonly to: number } | undefined {
  const from = SCHEME.exec(url)?.[0].length;
  if (from === undefined) return undefined;
  const rest = url.slice(from);
  const authority = /^[^/?#]*/.exec(rest)![0].replace(/\[[^\]]*\](?=:\d*$|$)/, '');
  // The password may go on behind a / ? or # that was not percent-encoded: better hide too much
  // than too little.
  const end = /[:@]/.test(authority) ? rest.lastIndexOf('@') : -1;
  return end < 0 ? undefined : { from, to: from + end };
}

/**
 * `url` with its password replaced by `mask` (Celery prints `**`). A list of URLs
 * (`;` between them, as in `broker_url`) is masked one by one. Text that is not a
 * URL comes back unchanged.
 */
export function maskUrl(url: string, mask = '**'): string {
  const parts = url.split(BETWEEN_URLS);
  if (parts.length > 1) return parts.map(part => maskUrl(part, mask)).join(';');
  return withoutPassword(url, mask).replace(SECRET_QUERY, `$1${mask}`);
}

function withoutPassword(url: string, mask: string): string {
  const found = userInfoIn(url);
  if (!found) return url;
  const colon = url.indexOf(':', found.from);
  if (colon < 0 || colon >= found.to) return url;
  return `${url.slice(0, colon)}:${mask}${url.slice(found.to)}`;
}

/** Replaces the password of `url` wherever it appears in `text` (driver error messages quote it). */
export function maskIn(text: string, url: string): string {
  const found = userInfoIn(url);
  const userInfo = found ? url.slice(found.from, found.to) : '';
  const password = userInfo.includes(':') ? userInfo.slice(userInfo.indexOf(':') + 1) : '';
  if (password === '') return text;
  let clear = password;
  try {
    clear = decodeURIComponent(password);
  } catch {
    // a stray % is a legal, if odd, password character
  }
  return text.split(password).join('**').split(clear).join('**');
}
