import type { TaskRoutes } from '../../options/route-types.ts';
import {
  any,
  anyOf,
  bool,
  count,
  deliveryMode,
  dict,
  duration,
  exchangeType,
  mapOf,
  orNull,
  positive,
  priority,
  priorityOrName,
  protocol,
  queueType,
  rate,
  string,
  strings,
  timeZone,
} from '../../options/setting-kinds.ts';
import type { TaskQueues } from '../../routing/queues.ts';
import { later, noEffect, used } from './setting.ts';

const retryPolicy = mapOf({
  max_retries: orNull(count),
  interval_start: duration,
  interval_max: duration,
  interval_step: duration,
});

export const GENERAL_SETTINGS = {
  accept_content: used(
    'CELERY_ACCEPT_CONTENT',
    strings,
    ['json'],
    'Serializers or MIME types a consumer may decode; a message of another type is rejected.',
  ),
  result_accept_content: used(
    'RESULT_ACCEPT_CONTENT',
    strings,
    null,
    'The same for results; unset means `accept_content`.',
  ),
  enable_utc: used(
    ['ENABLE_UTC', 'CELERY_ENABLE_UTC'],
    bool,
    true,
    'Off, and without `timezone`, the zone of the machine takes the place of UTC.',
  ),
  timezone: used(
    'CELERY_TIMEZONE',
    timeZone,
    null,
    'IANA zone of ETAs given without offset, in which times are written; unset means UTC.',
  ),
  imports: used('CELERY_IMPORTS', strings, [], 'Modules a worker imports at start, in this order.'),
  include: used(
    'CELERY_INCLUDE',
    strings,
    [],
    'Modules imported after `imports`; the `include` option of the app ends up here.',
  ),
  override_backends: later(
    null,
    dict,
    null,
    'Names of result backends mapped to the classes or modules that replace them.',
  ),
};

export const TASK_SETTINGS = {
  task_annotations: used(
    'CELERY_ANNOTATIONS',
    any,
    null,
    "Changes to task options: `{name: {option: value}}`, `'*'` for every task, or a list of such maps.",
  ),
  task_compression: used(
    ['CELERY_MESSAGE_COMPRESSION', 'CELERY_COMPRESSION'],
    string,
    null,
    'Compression of task bodies: gzip (or zlib), brotli, zstd, bzip2, lzma; see [content](content.md).',
  ),
  task_protocol: used(
    'CELERY_TASK_PROTOCOL',
    protocol,
    2,
    'Message format that is sent; both 1 and 2 are always understood.',
  ),
  task_serializer: used(
    'CELERY_TASK_SERIALIZER',
    string,
    'json',
    'Serializer of task bodies when neither task nor call name one.',
  ),
  task_publish_retry: used(
    ['CELERY_TASK_PUBLISH_RETRY', 'CELERY_PUBLISH_RETRY'],
    bool,
    true,
    'Try again when publishing fails because the connection is lost.',
  ),
  task_publish_retry_policy: used(
    'CELERY_TASK_PUBLISH_RETRY_POLICY',
    retryPolicy,
    { max_retries: 3, interval_start: 0, interval_max: 1, interval_step: 0.2 },
    'How often and how long to try: `max_retries`, `interval_start`, `interval_step`, `interval_max` (seconds).',
  ),
  task_always_eager: used(
    ['CELERY_ALWAYS_EAGER', 'CELERY_TASK_ALWAYS_EAGER'],
    bool,
    false,
    "Run tasks in the caller's process instead of sending them.",
  ),
  task_eager_propagates: used(
    ['CELERY_EAGER_PROPAGATES_EXCEPTIONS', 'CELERY_EAGER_PROPAGATES'],
    bool,
    false,
    'An eager task throws its error instead of keeping it in the result.',
  ),
  task_store_eager_result: used(
    'CELERY_STORE_EAGER_RESULT',
    bool,
    false,
    'Store the results of eager tasks too.',
  ),
  task_remote_tracebacks: noEffect(
    'CELERY_REMOTE_TRACEBACKS',
    bool,
    false,
    'Rebuild the remote stack frames when a failed result is read.',
    'a JavaScript error carries its stack as text, and the remote traceback is always attached as text',
  ),
  task_ignore_result: used('CELERY_IGNORE_RESULT', bool, false, 'Do not store results.'),
  task_store_errors_even_if_ignored: used(
    'CELERY_STORE_ERRORS_EVEN_IF_IGNORED',
    bool,
    false,
    'Store failures although results are ignored.',
  ),
  task_track_started: used(
    'CELERY_TRACK_STARTED',
    bool,
    false,
    'Store STARTED, with pid and node name, when a task begins.',
  ),
  task_durable_revokes: used(
    null,
    bool,
    false,
    'Keep revokes in the result backend too, for workers that do not hear of them; asked before each task.',
  ),
  task_time_limit: used(
    'CELERYD_TASK_TIME_LIMIT',
    duration,
    null,
    'Hard limit: the child that runs the task is killed after this time.',
  ),
  task_soft_time_limit: used(
    ['CELERYD_TASK_SOFT_TIME_LIMIT', 'CELERYD_SOFT_TIME_LIMIT'],
    duration,
    null,
    "Soft limit: the task's signal aborts with SoftTimeLimitExceeded after this time.",
  ),
  task_acks_late: used(
    'CELERY_ACKS_LATE',
    bool,
    false,
    'Acknowledge a message after its task ran instead of before.',
  ),
  task_acks_on_failure_or_timeout: used(
    'CELERY_ACKS_ON_FAILURE_OR_TIMEOUT',
    bool,
    true,
    'With late acks: acknowledge also when the task failed or timed out.',
  ),
  task_acks_on_failure: used(
    'CELERY_ACKS_ON_FAILURE',
    bool,
    null,
    'Overrides the combined setting for failures; false rejects without requeue.',
  ),
  task_acks_on_timeout: used(
    'CELERY_ACKS_ON_TIMEOUT',
    bool,
    null,
    'Overrides the combined setting for timeouts; false rejects and requeues.',
  ),
  task_reject_on_worker_lost: used(
    'CELERY_REJECT_ON_WORKER_LOST',
    bool,
    null,
    'With late acks: requeue the message when the child that ran it died.',
  ),
  task_default_rate_limit: used(
    'CELERY_DEFAULT_RATE_LIMIT',
    rate,
    null,
    'Rate of tasks that set none, per worker: `10`, `10/s`, `10/m`, `10/h`.',
  ),
  task_send_sent_event: used(
    'CELERY_SEND_TASK_SENT_EVENT',
    bool,
    false,
    'Send a task-sent event for every task published.',
  ),
  task_message_max_size: used(
    null,
    orNull(positive),
    134_217_728,
    'Bytes that the body of a message may have, 128 MiB as RabbitMQ allows; a larger one is refused before it is sent, with what made it large. Null is no limit; RabbitMQ 4 allows 16 MiB.',
  ),
  task_tracing: used(
    null,
    bool,
    false,
    'OpenTelemetry spans for publishing, receiving and running tasks, and their context in the headers; needs the package `@opentelemetry/api`.',
  ),
  task_inherit_parent_priority: used(
    'CELERY_INHERIT_PARENT_PRIORITY',
    bool,
    false,
    'A task published by a task gets its priority.',
  ),
  task_default_priority: used(
    'CELERY_DEFAULT_PRIORITY',
    priorityOrName,
    null,
    'Priority of tasks that set none; 0 is served first on Redis, 255 on RabbitMQ.',
  ),
  task_allow_error_cb_on_chord_header: used(
    'CELERY_ALLOW_ERROR_CB_ON_CHORD_HEADER',
    bool,
    false,
    'An error callback of a chord is also linked to every task of its header.',
  ),
};

export const ROUTING_SETTINGS = {
  task_queues: used(
    'CELERY_QUEUES',
    anyOf<TaskQueues>('list or dict'),
    null,
    'The queues: a list of queues or names, or a map of name to `{exchange, exchange_type, routing_key}`; unset means one queue, `task_default_queue`.',
  ),
  task_routes: used(
    'CELERY_ROUTES',
    anyOf<TaskRoutes>('any'),
    null,
    'Which task goes where: a map or list of pairs (name, glob or RegExp to queue or route), functions, objects or classes with `routeForTask`, names of these (`module:name`), or a list of them.',
  ),
  task_queue_max_priority: used(
    'CELERY_QUEUE_MAX_PRIORITY',
    priority,
    null,
    'Largest priority of every queue that sets none (`x-max-priority`).',
  ),
  task_create_missing_queues: used(
    'CELERY_CREATE_MISSING_QUEUES',
    bool,
    true,
    'Create a queue that `task_queues` does not list; off makes it a QueueNotFound error.',
  ),
  task_create_missing_queue_type: used(
    'CELERY_CREATE_MISSING_QUEUE_TYPE',
    queueType,
    'classic',
    'Type of queues so created: `classic`, `quorum` or `stream`.',
  ),
  task_create_missing_queue_exchange_type: used(
    'CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE',
    exchangeType,
    null,
    'Exchange type of queues so created; unset means `direct`.',
  ),
  task_default_queue: used(
    'CELERY_DEFAULT_QUEUE',
    string,
    'celery',
    'Queue of tasks that no route sends elsewhere.',
  ),
  task_default_queue_type: used(
    'CELERY_DEFAULT_QUEUE_TYPE',
    queueType,
    'classic',
    'Type of that queue: `classic`, `quorum` or `stream`.',
  ),
  task_default_exchange: used(
    'CELERY_DEFAULT_EXCHANGE',
    string,
    null,
    "Exchange of queues in `task_queues` that name none; unset means the default queue's name.",
  ),
  task_default_exchange_type: used(
    'CELERY_DEFAULT_EXCHANGE_TYPE',
    exchangeType,
    'direct',
    'Type of the exchange of queues in `task_queues` that name none.',
  ),
  task_default_routing_key: used(
    'CELERY_DEFAULT_ROUTING_KEY',
    string,
    null,
    'Routing key of the default queue when `task_queues` does not declare it; unset means its name.',
  ),
  task_default_delivery_mode: used(
    'CELERY_DEFAULT_DELIVERY_MODE',
    deliveryMode,
    2,
    '2 (`persistent`) survives a broker restart, 1 (`transient`) need not.',
  ),
  worker_direct: used(
    'CELERY_WORKER_DIRECT',
    bool,
    false,
    'Every worker also consumes a queue of its own, `<node name>.dq2`.',
  ),
};
