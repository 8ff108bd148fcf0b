/** Taking passwords out of anything that may reach a log, a report or a screen. */

const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)([^@/?#]*(?:@[^@/?#]*)*)@/i;
const SECRET_QUERY = /([?&](?:[^=&]*(?:password|secret|token|passwd|api_?key)[^=&]*)=)[^&]*/gi;

/**
 * `url` with its password replaced by `mask` (Celery prints `**`). A list of URLs
 * (`;` between them, as in `broker_url`) is masked one by one. Text that is not a
 * URL comes back unchanged.
 */
export function maskUrl(url: string, mask = '**'): string {
  if (url.includes(';')) {
    return url
      .split(';')
      .map(part => maskUrl(part, mask))
      .join(';');
  }
  return url
    .replace(USER_INFO, (_, scheme: string, userInfo: string) => {
      const colon = userInfo.indexOf(':');
      return colon < 0 ? `${scheme}${userInfo}@` : `${scheme}${userInfo.slice(0, colon)}:${mask}@`;
    })
    .replace(SECRET_QUERY, `$1${mask}`);
}

/** Replaces the password of `url` wherever it appears in `text` (driver error messages quote it). */
export function maskIn(text: string, url: string): string {
  const match = USER_INFO.exec(url);
  const userInfo = match?.[2] ?? '';
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
