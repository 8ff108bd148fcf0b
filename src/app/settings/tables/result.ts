/** Settings of results and of the backends that are built in. */

import {
  any,
  bool,
  classPath,
  count,
  dict,
  duration,
  exchangeType,
  float,
  int,
  mapOf,
  orNull,
  ssl,
  string,
} from '../../options/setting-kinds.ts';
import { later, noEffect, used } from './setting.ts';

export const RESULT_SETTINGS = {
  result_backend: used(
    'CELERY_RESULT_BACKEND',
    string,
    null,
    'Where results are kept: a URL or a name such as `rpc`; unset or `disabled` keeps none.',
  ),
  result_expires: used(
    'CELERY_TASK_RESULT_EXPIRES',
    orNull(duration),
    86_400,
    'How long a result is kept; null or 0 is for ever.',
  ),
  result_serializer: used('CELERY_RESULT_SERIALIZER', string, 'json', 'Serializer of results.'),
  result_compression: noEffect(
    'CELERY_RESULT_COMPRESSION',
    string,
    null,
    'Compression of results.',
    'Celery declares it and never reads it',
  ),
  result_extended: used(
    'CELERY_RESULT_EXTENDED',
    bool,
    false,
    'Keep name, args, kwargs, worker, retries and queue with a result.',
  ),
  result_persistent: used(
    'CELERY_RESULT_PERSISTENT',
    bool,
    null,
    'RPC: results are persistent messages, which survive a restart of the broker.',
  ),
  result_exchange: noEffect(
    'CELERY_RESULT_EXCHANGE',
    string,
    'celeryresults',
    'RPC: exchange for results.',
    'the rpc backend of Celery uses the anonymous exchange',
  ),
  result_exchange_type: noEffect(
    'CELERY_RESULT_EXCHANGE_TYPE',
    exchangeType,
    'direct',
    'RPC: type of that exchange.',
    'the rpc backend of Celery uses the anonymous exchange',
  ),
  result_cache_max: later(
    'CELERY_MAX_CACHED_RESULTS',
    orNull(int),
    -1,
    'Results a client remembers; -1 none, 0 or null all.',
  ),
  result_backend_transport_options: used(
    'CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS',
    dict,
    {},
    'Options of the result backend, such as `global_keyprefix` or `retry_policy`.',
  ),
  result_chord_retry_interval: later(
    'CELERY_RESULT_CHORD_RETRY_INTERVAL',
    duration,
    1,
    'Seconds between looks at an unfinished chord, for backends that must look.',
  ),
  result_chord_join_timeout: later(
    'CELERY_RESULT_CHORD_JOIN_TIMEOUT',
    duration,
    3,
    'How long the end of a chord may wait for the results of its header.',
  ),
  result_backend_always_retry: used(
    'CELERY_RESULT_BACKEND_ALWAYS_RETRY',
    bool,
    false,
    'Repeat backend operations that failed for a passing reason.',
  ),
  result_backend_max_retries: used(
    'CELERY_RESULT_BACKEND_MAX_RETRIES',
    float,
    Number.POSITIVE_INFINITY,
    'How often such an operation is repeated.',
  ),
  result_backend_base_sleep_between_retries_ms: used(
    'CELERY_RESULT_BACKEND_BASE_SLEEP_BETWEEN_RETRIES_MS',
    count,
    10,
    'First wait between repeats, in milliseconds; it doubles each time.',
  ),
  result_backend_max_sleep_between_retries_ms: used(
    'CELERY_RESULT_BACKEND_MAX_SLEEP_BETWEEN_RETRIES_MS',
    count,
    10_000,
    'Longest wait between repeats, in milliseconds.',
  ),
  result_backend_thread_safe: noEffect(
    null,
    bool,
    false,
    'Share one backend between threads.',
    'a thread of Node shares no objects',
  ),
};

export const REDIS_SETTINGS = {
  redis_host: used(
    'CELERY_REDIS_HOST',
    string,
    null,
    "Part of the backend's URL when it lacks it.",
  ),
  redis_port: used('CELERY_REDIS_PORT', count, null, "Part of the backend's URL when it lacks it."),
  redis_db: used('CELERY_REDIS_DB', count, null, "Part of the backend's URL when it lacks it."),
  redis_username: used(
    'CELERY_REDIS_USERNAME',
    string,
    null,
    "Part of the backend's URL when it lacks it.",
  ),
  redis_password: used(
    'CELERY_REDIS_PASSWORD',
    string,
    null,
    "Part of the backend's URL when it lacks it.",
  ),
  redis_backend_use_ssl: used(
    'CELERY_REDIS_BACKEND_USE_SSL',
    ssl,
    null,
    'TLS options of the Redis backend: `ssl_cert_reqs`, `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`.',
  ),
  redis_max_connections: noEffect(
    'CELERY_REDIS_MAX_CONNECTIONS',
    count,
    null,
    'Most connections in the Redis pool.',
    'one pipelined connection carries all commands',
  ),
  redis_socket_timeout: used(
    'CELERY_REDIS_SOCKET_TIMEOUT',
    duration,
    8,
    'How long a Redis connection of the result backend may be silent while a command waits for its answer; then it is made anew. A result that takes longer to send is never stored: set more for results of many megabytes over a slow network. Celery: 120.',
  ),
  redis_socket_connect_timeout: used(
    'CELERY_REDIS_SOCKET_CONNECT_TIMEOUT',
    duration,
    null,
    'How long connecting to Redis may take.',
  ),
  redis_retry_on_timeout: noEffect(
    'CELERY_REDIS_RETRY_ON_TIMEOUT',
    bool,
    false,
    'Repeat a Redis command that timed out.',
    '`result_backend_always_retry` decides about every command that failed',
  ),
  redis_socket_keepalive: noEffect(
    'CELERY_REDIS_SOCKET_KEEPALIVE',
    bool,
    false,
    'TCP keepalive on the Redis connection.',
    'it is always on',
  ),
  redis_backend_health_check_interval: used(
    null,
    duration,
    null,
    'Seconds between pings on the Redis connection over which results are waited for, while somebody waits; default 4, 0 is never. Celery: 25.',
  ),
  redis_client_name: used(null, string, null, 'Name of the Redis connection in `CLIENT LIST`.'),
  redis_backend_credential_provider: later(
    null,
    classPath,
    null,
    'Function that returns user name and password for Redis.',
  ),
};

const tables = mapOf({ task: string, group: string });

export const DATABASE_SETTINGS = {
  database_url: used(
    'CELERY_RESULT_DBURI',
    string,
    null,
    'URL of the database when `result_backend` is `db` or `database`.',
  ),
  database_engine_options: noEffect(
    'CELERY_RESULT_ENGINE_OPTIONS',
    dict,
    { pool_pre_ping: true, pool_recycle: 3600 },
    "Options for SQLAlchemy's engine.",
    'they configure SQLAlchemy',
  ),
  database_engine_callback: noEffect(
    'DATABASE_ENGINE_CALLBACK',
    any,
    null,
    "Function that receives SQLAlchemy's engine.",
    'there is no SQLAlchemy engine',
  ),
  database_short_lived_sessions: noEffect(
    'CELERY_RESULT_DB_SHORT_LIVED_SESSIONS',
    bool,
    false,
    'A new database session for every operation.',
    'the driver needs no sessions',
  ),
  database_table_schemas: later(
    'DATABASE_TABLE_SCHEMAS',
    tables,
    null,
    'Schemas of the two tables: `{task, group}`.',
  ),
  database_table_names: used(
    'CELERY_RESULT_DB_TABLENAMES',
    tables,
    null,
    'Names of the two tables: `{task, group}`.',
  ),
  database_create_tables_at_setup: later(
    'DATABASE_CREATE_TABLES_AT_SETUP',
    bool,
    true,
    'Create the tables when the backend starts instead of on first use.',
  ),
};
