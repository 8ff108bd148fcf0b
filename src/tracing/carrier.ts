/**
 * Headers of a message as propagators see them. Celery's peers write the fields of a context as
 * plain headers beside the others (`traceparent`, `tracestate`, `baggage`).
 */
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { Headers } from '../wire/messages/message.ts';

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
    // the parts of a message are written already; what would not fit its reader is not
    if (typeof value === 'string' && value.length <= LONGEST_FIELD) headers[key] = value;
  },
};
