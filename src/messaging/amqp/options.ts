/** What a RabbitMQ URL, `broker_transport_options` and a few settings ask for. */

import { hostname } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { isSeconds, secondsHint, timerMs } from '../../base/time/seconds.ts';
import { tlsOptions } from '../../drivers/tls.ts';
import type { ServerUrl } from '../../drivers/url.ts';
import type { TransportOptions } from '../contract.ts';
import { unusedOptions } from '../unused-options.ts';
import { amqplib, type ConnectOptions, type SocketOptions } from './driver.ts';

export type Urls = readonly [ServerUrl, ...ServerUrl[]];

const DEFAULT_USER = 'guest';
const LOGIN_METHODS = ['PLAIN', 'AMQPLAIN', 'EXTERNAL'] as const;
/** As py-amqp asks; the server may lower it. */
const FRAME_MAX = 131_072;

const USED = [
  'confirm_publish',
  'confirm_timeout',
  'client_properties',
  'connection_name',
  'login_method',
  'frame_max',
  'channel_max',
];

export function optionWarnings(given: Readonly<Record<string, unknown>>): string[] {
  const warnings = unusedOptions(given, USED, 'RabbitMQ');
  if (given.confirm_publish !== undefined && given.confirm_publish !== true) {
    warnings.push(
      'broker_transport_options.confirm_publish: publishing always waits for the confirmation.',
    );
  }
  return warnings;
}

/** `confirm_timeout`, in seconds. @throws ImproperlyConfigured for anything else */
export function confirmTimeout({ transportOptions }: TransportOptions): number | undefined {
  const given = transportOptions.confirm_timeout ?? undefined;
  if (given === undefined || (isSeconds(given) && given > 0)) return given;
  throw new ImproperlyConfigured(
    `broker_transport_options.confirm_timeout should be a number of seconds above 0, not ${saferepr(given)}.${secondsHint(given)}`,
  );
}

/** kombu: nothing, `/` and `//` at the end of a URL are all the virtual host `/`. */
export const virtualHost = (url: ServerUrl): string => (url.path === '' ? '/' : url.path);

const usesTls = (url: ServerUrl, useSsl: TransportOptions['useSsl']) =>
  url.scheme === 'amqps' || useSsl === true || typeof useSsl === 'object';

function portOf(url: ServerUrl, useSsl: TransportOptions['useSsl']): number {
  return url.port ?? (usesTls(url, useSsl) ? 5671 : 5672);
}

/** The URL as Celery prints it: defaults filled in, no password. */
export function amqpUrlForPeople(url: ServerUrl, useSsl: TransportOptions['useSsl']): string {
  const user = url.username ?? DEFAULT_USER;
  const host = url.host ?? 'localhost';
  const address = host.includes(':') ? `[${host}]` : host;
  const vhost = encodeURIComponent(virtualHost(url)).replaceAll('%2F', '/');
  return `${url.scheme}://${user}:**@${address}:${portOf(url, useSsl)}/${vhost}`;
}

function loginMethod(options: TransportOptions, url: ServerUrl): (typeof LOGIN_METHODS)[number] {
  const asked =
    url.query.login_method ??
    options.loginMethod ??
    (options.transportOptions.login_method as string | null | undefined) ??
    'PLAIN';
  const found = LOGIN_METHODS.find(method => method === String(asked).toUpperCase());
  if (found) return found;
  throw new ImproperlyConfigured(
    `broker_login_method ${JSON.stringify(asked)} is none of ${LOGIN_METHODS.join(', ')}.${didYouMean(String(asked), LOGIN_METHODS)}`,
  );
}

function credentials(
  options: TransportOptions,
  url: ServerUrl,
): NonNullable<SocketOptions['credentials']> {
  const { plain, amqplain, external } = amqplib().credentials;
  const user = url.username ?? DEFAULT_USER;
  const password = url.password ?? DEFAULT_USER;
  const method = loginMethod(options, url);
  if (method === 'EXTERNAL') return external();
  return method === 'PLAIN' ? plain(user, password) : amqplain(user, password);
}

function heartbeat(options: TransportOptions, url: ServerUrl): number {
  const asked = url.query.heartbeat ?? options.heartbeat ?? 0;
  const seconds = typeof asked === 'string' ? Number(asked) : asked;
  if (Number.isFinite(seconds) && seconds >= 0) return Math.min(65_535, Math.round(seconds));
  throw new ImproperlyConfigured(
    `The heartbeat of ${url.masked} should be a number of seconds, not ${JSON.stringify(asked)}.`,
  );
}

/** TLS as `broker_use_ssl` and the URL's query have it, under kombu's names with and without `ssl_`. */
function tls(url: ServerUrl, useSsl: TransportOptions['useSsl']): ConnectionOptions {
  const given: Record<string, unknown> = {
    ...(typeof useSsl === 'object' ? useSsl : {}),
    ...url.query,
  };
  const option = (name: string) => given[`ssl_${name}`] ?? given[name];
  const result = tlsOptions(option, '');
  const name = option('server_hostname');
  if (typeof name === 'string') result.servername = name;
  return result;
}

export interface ConnectArguments {
  readonly url: ConnectOptions;
  readonly socket: SocketOptions;
}

/** What amqplib is given for one URL. Throws ImproperlyConfigured, opens nothing. */
export function connectArguments(url: ServerUrl, options: TransportOptions): ConnectArguments {
  const encrypted = usesTls(url, options.useSsl);
  const given = options.transportOptions;
  const properties = given.client_properties;
  const name = options.connectionName ?? given.connection_name;
  return {
    url: {
      protocol: encrypted ? 'amqps' : 'amqp',
      hostname: url.host ?? 'localhost',
      port: portOf(url, options.useSsl),
      // amqplib takes it as it stands in a URL
      vhost: encodeURIComponent(virtualHost(url)),
      heartbeat: heartbeat(options, url),
      frameMax: Number(given.frame_max ?? FRAME_MAX),
      channelMax: Number(given.channel_max ?? 0),
    },
    socket: {
      noDelay: true,
      keepAlive: true,
      keepAliveDelay: 60_000,
      timeout: timerMs(Number(url.query.connect_timeout ?? options.connectTimeout)),
      credentials: credentials(options, url),
      clientProperties: {
        product: 'tscelery',
        connection_name: typeof name === 'string' ? name : `tscelery ${process.pid}@${hostname()}`,
        ...(typeof properties === 'object' ? properties : {}),
      },
      ...(encrypted ? tls(url, options.useSsl) : {}),
    } as SocketOptions,
  };
}
