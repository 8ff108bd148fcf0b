/** Makes the tracing of an app; `@opentelemetry/api` is loaded only for those who want it. */
import { createRequire } from 'node:module';
import type * as Api from '@opentelemetry/api';
import { ImproperlyConfigured } from '../base/errors.ts';
import { ownVersion } from '../base/packages/own-version.ts';
import type { Tracing } from './contract.ts';
import { Spans } from './spans.ts';

const PACKAGE = '@opentelemetry/api';

export interface TracingOptions {
  /** URL of the broker, or a list of them. */
  readonly broker: string;
  warn(message: string): void;
}

/** @throws ImproperlyConfigured when the package is missing */
export function openTracing({ broker, warn }: TracingOptions): Tracing {
  return new Spans({ api: loadApi(), version: ownVersion(), system: systemOf(broker), warn });
}

/** Not `import()`: an app becomes ready in one go. ESM and CommonJS share the API's registry. */
function loadApi(): typeof Api {
  try {
    return createRequire(import.meta.url)(PACKAGE) as typeof Api;
  } catch (error) {
    throw new ImproperlyConfigured(
      `Setting task_tracing needs a package that cannot be loaded: npm install ${PACKAGE}`,
      { cause: error },
    );
  }
}

/** As the semantic conventions of OpenTelemetry call the servers, as far as they name them. */
const SYSTEMS: Readonly<Record<string, string>> = {
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  pyamqp: 'rabbitmq',
  librabbitmq: 'rabbitmq',
  rediss: 'redis',
  sentinel: 'redis',
  sqla: 'sqlite',
};

function systemOf(broker: string): string {
  const [scheme = ''] = /^[a-z]*/.exec(broker) ?? [];
  return SYSTEMS[scheme] ?? scheme;
}
