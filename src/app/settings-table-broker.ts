/** Settings of the broker connection. */

import { later, noEffect, used } from './setting.ts';
import {
  bool,
  classPath,
  count,
  dict,
  duration,
  float,
  orNull,
  ssl,
  string,
  urls,
} from './setting-kinds.ts';

export const BROKER_SETTINGS = {
  broker_url: used(
    'BROKER_URL',
    urls,
    null,
    'Where messages go. Several URLs, in a list or with `;` between them, are tried in turn.',
  ),
  broker_read_url: used(
    'BROKER_READ_URL',
    urls,
    null,
    'Broker for consuming, if it is another one than `broker_url`.',
  ),
  broker_write_url: used(
    'BROKER_WRITE_URL',
    urls,
    null,
    'Broker for publishing, if it is another one than `broker_url`.',
  ),
  broker_transport: used(
    'BROKER_TRANSPORT',
    string,
    null,
    'Transport of a `broker_url` without scheme, or of one made of the parts below.',
  ),
  broker_host: used('BROKER_HOST', string, null, 'Part of the URL when `broker_url` is not set.'),
  broker_port: used('BROKER_PORT', count, null, 'Part of the URL when `broker_url` is not set.'),
  broker_user: used('BROKER_USER', string, null, 'Part of the URL when `broker_url` is not set.'),
  broker_password: used(
    'BROKER_PASSWORD',
    string,
    null,
    'Part of the URL when `broker_url` is not set.',
  ),
  broker_vhost: used(
    'BROKER_VHOST',
    string,
    null,
    'Part of the URL when `broker_url` is not set: virtual host, database number or file.',
  ),
  broker_transport_options: used(
    'BROKER_TRANSPORT_OPTIONS',
    dict,
    {},
    'Options of the transport, such as `visibility_timeout` or `global_keyprefix`.',
  ),
  broker_connection_timeout: used(
    'BROKER_CONNECTION_TIMEOUT',
    duration,
    4,
    'How long one try to connect may take.',
  ),
  broker_connection_retry: used(
    'BROKER_CONNECTION_RETRY',
    bool,
    true,
    'Connect again after the connection was lost.',
  ),
  broker_connection_retry_on_startup: used(
    'BROKER_CONNECTION_RETRY_ON_STARTUP',
    bool,
    null,
    'Go on trying when the broker cannot be reached at start; unset means `broker_connection_retry`.',
  ),
  broker_connection_max_retries: used(
    'BROKER_CONNECTION_MAX_RETRIES',
    orNull(count),
    100,
    'Tries before giving up; null goes on for ever.',
  ),
  broker_channel_error_retry: later(
    'BROKER_CHANNEL_ERROR_RETRY',
    bool,
    false,
    'Treat errors of one channel like a lost connection.',
  ),
  broker_failover_strategy: used(
    'BROKER_FAILOVER_STRATEGY',
    classPath,
    null,
    'Order in which several URLs are tried: `round-robin`, `shuffle` or a function.',
  ),
  broker_heartbeat: later(
    'BROKER_HEARTBEAT',
    orNull(duration),
    120,
    'Seconds between AMQP heartbeats; 0 or null turns them off.',
  ),
  broker_heartbeat_checkrate: noEffect(
    'BROKER_HEARTBEAT_CHECKRATE',
    float,
    3,
    'How often per interval the heartbeat is checked.',
    'the AMQP driver checks heartbeats itself',
  ),
  broker_login_method: later(
    'BROKER_LOGIN_METHOD',
    string,
    null,
    'AMQP login: PLAIN, AMQPLAIN or EXTERNAL.',
  ),
  broker_native_delayed_delivery_queue_type: later(
    'BROKER_NATIVE_DELAYED_DELIVERY_QUEUE_TYPE',
    string,
    'quorum',
    'Type of the queues that hold delayed messages when quorum queues are used.',
  ),
  broker_pool_limit: noEffect(
    'BROKER_POOL_LIMIT',
    orNull(count),
    10,
    'Most connections kept open at once.',
    'one connection carries any number of publishers',
  ),
  broker_pool_acquire_timeout: noEffect(
    'BROKER_POOL_ACQUIRE_TIMEOUT',
    duration,
    null,
    'Longest wait for a connection of the pool.',
    'one connection carries any number of publishers, nobody waits for it',
  ),
  broker_use_ssl: used(
    'BROKER_USE_SSL',
    ssl,
    false,
    'TLS: true, or a map of `keyfile`, `certfile`, `ca_certs`, `cert_reqs` (Redis: with `ssl_` before each).',
  ),
};
