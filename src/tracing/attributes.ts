/**
 * Names and values of attributes as Python's `opentelemetry-instrumentation-celery` gives them, so
 * that one dashboard shows spans of both: `utils.set_attributes_from_context` of
 * opentelemetry-python-contrib at 0047a962, with the names that
 * `opentelemetry.semconv.trace.SpanAttributes` has for them. `messaging.system` is ours.
 */
import type { Attributes } from '@opentelemetry/api';
import { saferepr } from '../base/text/saferepr.ts';
import type { CameTask, RunEnd, RunRequest, SentTask } from './contract.ts';

/** Characters of one value; most of them come from messages. */
const LONGEST_VALUE = 1024;
/** Of the text of an error, which is what people look for. */
const LONGEST_ERROR = 16 * 1024;

/** What an exchange of that type sends to. */
const DESTINATION_KINDS: Readonly<Record<string, string>> = { direct: 'queue', topic: 'topic' };

export function sentAttributes(sent: SentTask, system: string): Attributes {
  return present({
    'celery.action': 'apply_async',
    'celery.task_name': sent.task,
    'celery.exchange': sent.exchange,
    'messaging.message.id': sent.id,
    'messaging.destination': sent.routingKey,
    'messaging.destination_kind': DESTINATION_KINDS[sent.exchangeType],
    'messaging.system': system,
  });
}

/** What is known before a message is decoded, for samplers. */
export function cameAttributes(
  { task, isEager }: CameTask,
  action: 'run' | 'receive',
  system: string,
): Attributes {
  return present({
    'celery.action': action,
    'celery.task_name': task,
    'messaging.system': isEager ? undefined : system,
  });
}

export function runAttributes({ request, state, retryReason }: RunEnd): Attributes {
  return present({
    'celery.state': state,
    'celery.retry.reason': retryReason,
    ...(request && requestAttributes(request)),
  });
}

function requestAttributes(request: RunRequest): Attributes {
  const { deliveryInfo, retries } = request;
  return {
    'messaging.message.id': request.id,
    'messaging.conversation_id': request.correlationId ?? undefined,
    'messaging.destination': deliveryInfo.routing_key,
    'celery.delivery_info': saferepr(deliveryInfo),
    // of both the sender wins there too
    'celery.hostname': request.origin || request.hostname || undefined,
    'celery.reply_to': request.replyTo ?? undefined,
    'celery.retries': retries === 0 ? undefined : retries,
    'celery.eta': request.eta ?? undefined,
    'celery.expires': request.expires ?? undefined,
    'celery.timelimit': timeLimits(request.timelimit),
    'celery.compression': request.compression ?? undefined,
  };
}

/** Values of an attribute have one type: with one limit only, the other one is the empty text. */
function timeLimits([hard, soft]: RunRequest['timelimit']): number[] | string[] | undefined {
  if (hard !== null && soft !== null) return [hard, soft];
  return hard === null && soft === null ? undefined : [String(hard ?? ''), String(soft ?? '')];
}

/** Without the empty ones, and cut. */
function present(given: Attributes): Attributes {
  const attributes: Attributes = {};
  for (const key of Object.keys(given)) {
    const value = given[key];
    if (value === undefined || value === '') continue;
    attributes[key] = typeof value === 'string' ? cut(value, LONGEST_VALUE) : value;
  }
  return attributes;
}

/** An error as an SDK records it. */
export function shownError({ name, message, stack }: NonNullable<RunEnd['error']>) {
  return {
    name: cut(name, LONGEST_VALUE),
    message: cut(message, LONGEST_ERROR),
    stack: cut(stack, LONGEST_ERROR),
  };
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}
