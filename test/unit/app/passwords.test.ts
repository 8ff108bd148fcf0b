/** Odd passwords in settings: no text that is made of them shows any. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { censor, humanize } from '../../../src/app/settings/display.ts';
import { maskIn, maskUrl, refusedValue } from '../../../src/base/text/mask-url.ts';
import { redisError } from '../../../src/drivers/redis/client.ts';
import { parseUrls, type ServerUrl } from '../../../src/drivers/url.ts';
import { connectError } from '../../../src/messaging/amqp/errors.ts';

const SIGNS = [
  ';',
  '@',
  '%',
  '/',
  '#',
  '?',
  ' ',
  ':',
  '&',
  '=',
  '"',
  "'",
  '\\',
  'é',
  '密',
  '😀',
  '%zz',
  '\n',
  '\t',
];
/** Each with a beginning, a middle and an end that must not be seen. */
const PASSWORDS = [
  ...SIGNS.map((sign, at) => `Sec1${sign}Sec2${SIGNS[(at * 7 + 3) % SIGNS.length]}Sec3`),
  `Sec1${'x'.repeat(5000)}Sec3`,
  ...SIGNS.map(sign => `Sec1${sign.repeat(40)}Sec3`),
];
const SEEN = /Sec[123]/;
const SPELLINGS = [(text: string) => text, encodeURIComponent, encodeURI];

function urlsWith(password: string): string[] {
  const login = `u:${password}@h`;
  return [
    ...['redis', 'rediss', 'amqp', 'sentinel', 'redis+socket'].map(
      scheme => `${scheme}://${login}:1/0`,
    ),
    `redis://:${password}@h`,
    `redis://h/0?password=${encodeURIComponent(password)}`,
    ` redis://${login}/0 ;  redis://${login}/1`,
    `amqp://a;amqp://${login}//;amqp://b`,
  ];
}

const CASES = PASSWORDS.flatMap(password =>
  SPELLINGS.map(spell => urlsWith(spell(password))),
).flat();

test('a URL that is masked shows none, alone or in a list', () => {
  for (const url of CASES) assert.doesNotMatch(maskUrl(url), SEEN, JSON.stringify(url));
});

test('settings for people show none, however deep it sits', () => {
  const shown = (settings: Record<string, unknown>) => humanize(censor(settings));
  for (const url of CASES) {
    const text = shown({
      ...{ result_backend: url, broker_read_url: url, redis_password: 'Sec1' },
      options: { deep: [{ more: [url, { url }] }], password: ['Sec1', { a: 'Sec2' }] },
    });
    assert.doesNotMatch(text, SEEN, JSON.stringify(url));
  }
  // the transport may be a setting of its own
  assert.doesNotMatch(shown({ broker_url: 'u:Sec1/Sec2@h/0' }), SEEN);
});

test('an error about a refused value shows none', () => {
  for (const url of CASES) {
    const texts = [refusedValue('a', url), refusedValue('a', [url]), refusedValue('a', { url })];
    assert.doesNotMatch(texts.join(), SEEN, JSON.stringify(url));
  }
  assert.equal(refusedValue('sentinel_password', 'Sec1'), 'a string');
});

test('an error that quotes a URL or a password as it is, or in any spelling, shows none', () => {
  for (const password of PASSWORDS) {
    for (const spell of SPELLINGS) {
      const url = `redis://u:${spell(password)}@h/0`;
      const urls = readable(url);
      if (urls === undefined) continue;
      const clear = urls[0].password!;
      for (const said of [
        url,
        clear,
        spell(password),
        encodeURIComponent(clear),
        JSON.stringify(clear),
      ]) {
        const error = new Error(`WRONGPASS for ${said}.`);
        const texts = [
          maskIn(error.message, url),
          redisError(error, urls, 'connecting').message,
          connectError(error, urls, '/').message,
        ];
        for (const text of texts) assert.doesNotMatch(text, SEEN, JSON.stringify([url, said]));
      }
    }
  }
});

/** Undefined when it is refused, which shows nothing. */
function readable(url: string): readonly [ServerUrl, ...ServerUrl[]] | undefined {
  try {
    return parseUrls(url);
  } catch (error) {
    assert.doesNotMatch((error as Error).message, SEEN);
    return undefined;
  }
}
