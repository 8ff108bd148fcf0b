/**
 * Headers of a message as propagators see them. Celery's peers write the fields of a context as
 * plain headers beside the others (`traceparent`, `tracestate`, `baggage`).
 */
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { Headers } from '../wire/messages/message.ts';
import { isOwnHeader } from '../wire/messages/task-headers.ts';

/** Characters: the longest that W3C allows, for baggage. Anybody may have written these headers. */
const LONGEST_FIELD = 8192;

export const readField: TextMapGetter<Headers> = {
  get(headers, key) {
    const value = Object.hasOwn(headers, key) ? headers[key] : undefined;
    return typeof value === 'string' && value.length <= LONGEST_FIELD ? value : undefined;
  },
  keys: headers => Object.keys(headers),
};

export const writeField: TextMapSetter<Headers> = {
  set(headers, key, value) {
    // a propagator may have any names; those of the protocol say what the message is
    if (isOwnHeader(key) || key === '__proto__') return;
    // what would not fit its reader is not written
    if (typeof value === 'string' && value.length <= LONGEST_FIELD) headers[key] = value;
  },
};
