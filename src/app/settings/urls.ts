/** The URLs of broker and results: environment first, then settings, then what follows from others. */

/** Used for messages and results when neither is configured; relative to the working directory. */
export const EMBEDDED_BROKER = 'sqla+sqlite:///celery.sqlite';
export const EMBEDDED_BACKEND = 'db+sqlite:///celery.sqlite';

/** Celery's default when results are configured and the broker is not. */
const DEFAULT_BROKER = 'amqp://';

export interface UrlSettings {
  readonly broker_url: string | null;
  readonly broker_read_url: string | null;
  readonly broker_write_url: string | null;
  readonly broker_transport: string | null;
  readonly broker_host: string | null;
  readonly broker_port: number | null;
  readonly broker_user: string | null;
  readonly broker_password: string | null;
  readonly broker_vhost: string | null;
  readonly result_backend: string | null;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function isEmbedded(settings: UrlSettings, env: Environment): boolean {
  return !(
    env.CELERY_BROKER_URL ||
    env.CELERY_BROKER_READ_URL ||
    env.CELERY_BROKER_WRITE_URL ||
    env.CELERY_RESULT_BACKEND ||
    settings.broker_url ||
    settings.broker_read_url ||
    settings.broker_write_url ||
    settings.broker_transport ||
    settings.broker_host ||
    settings.result_backend
  );
}

export function brokerUrl(settings: UrlSettings, env: Environment): string {
  const given = env.CELERY_BROKER_URL || settings.broker_url;
  if (given) return withTransport(given, settings.broker_transport);
  if (settings.broker_host || settings.broker_transport) return urlOfParts(settings);
  return isEmbedded(settings, env) ? EMBEDDED_BROKER : DEFAULT_BROKER;
}

export function brokerReadUrl(settings: UrlSettings, env: Environment): string {
  return env.CELERY_BROKER_READ_URL || settings.broker_read_url || brokerUrl(settings, env);
}

export function brokerWriteUrl(settings: UrlSettings, env: Environment): string {
  return env.CELERY_BROKER_WRITE_URL || settings.broker_write_url || brokerUrl(settings, env);
}

/** Null when results are not kept. */
export function resultBackend(settings: UrlSettings, env: Environment): string | null {
  const given = env.CELERY_RESULT_BACKEND || settings.result_backend;
  return given || (isEmbedded(settings, env) ? EMBEDDED_BACKEND : null);
}

function withTransport(url: string, transport: string | null): string {
  return transport && !url.includes('://') ? `${transport}://${url}` : url;
}

/** The parts are no pieces of a URL: as they are given to kombu, nothing in them is escaped. */
function urlOfParts(settings: UrlSettings): string {
  const { broker_user: user, broker_password: password, broker_vhost: vhost } = settings;
  const secret = password === null ? '' : `:${encodeURIComponent(password)}`;
  const userInfo = `${encodeURIComponent(user ?? '')}${secret}`;
  const login = user === null && password === null ? '' : `${userInfo}@`;
  const port = settings.broker_port === null ? '' : `:${settings.broker_port}`;
  const host = `${login}${hostInUrl(settings.broker_host ?? 'localhost')}${port}`;
  const path = (vhost ?? '').split('/').map(encodeURIComponent).join('/');
  return `${settings.broker_transport ?? 'amqp'}://${host}/${path}`;
}

/** An address of IPv6 stands in brackets. */
function hostInUrl(host: string): string {
  return /^[\da-f.]*:[\da-f.:]*:[\da-f.:]*$/i.test(host) ? `[${host}]` : host;
}
