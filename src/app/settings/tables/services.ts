import type { BeatSchedule } from '../../options/beat-schedule.ts';
import {
  any,
  bool,
  classPath,
  count,
  dict,
  duration,
  id,
  type Kind,
  string,
} from '../../options/setting-kinds.ts';
import { used } from './setting.ts';

export const BEAT_SETTINGS = {
  beat_schedule: used(
    'CELERYBEAT_SCHEDULE',
    dict as unknown as Kind<BeatSchedule>,
    {} as BeatSchedule,
    'Periodic tasks: name to `{task, schedule, args, kwargs, options, relative}`, and `enabled`, `catch_up`, `max_age`, `overlap`, `jitter`, `description`.',
  ),
  beat_scheduler: used(
    'CELERYBEAT_SCHEDULER',
    classPath,
    'celery.beat:PersistentScheduler',
    'Where the schedule is kept: the name of a store, a class of Python that stands for one, or `./module.ts:Class`.',
  ),
  beat_schedule_filename: used(
    'CELERYBEAT_SCHEDULE_FILENAME',
    string,
    'celerybeat-schedule',
    'File that keeps the last run of every entry.',
  ),
  beat_sync_every: used(
    'CELERYBEAT_SYNC_EVERY',
    count,
    0,
    'Runs after which that file is written anew, and forced to the disk; 0 is every 3 minutes. What is sent meanwhile is noted beside it at once.',
  ),
  beat_max_loop_interval: used(
    'CELERYBEAT_MAX_LOOP_INTERVAL',
    duration,
    0,
    "Longest sleep between two looks at the schedule; 0 means the scheduler's own (300 s).",
  ),
  beat_cron_starting_deadline: used(
    'CELERYBEAT_CRON_STARTING_DEADLINE',
    count,
    null,
    'Leave out a crontab run that was missed by more than this many seconds.',
  ),
  beat_leader_election: used(
    null,
    bool,
    true,
    'Of several beats with one schedule only one sends, and another takes its place when it ends.',
  ),
  beat_lock_key: used(
    null,
    string,
    null,
    'Tells the schedules of apps with one broker apart, and their messages. Default: the name of the app; of one without a name a digest of the names of its entries.',
  ),
  beat_lock_url: used(
    null,
    string,
    null,
    'Where the leader among beats is elected: Redis, RabbitMQ or an SQLite file. Default: `broker_url`, else `result_backend`.',
  ),
  beat_logfile: used(null, string, null, 'Log file of beat, as `--logfile`.'),
  beat_pidfile: used(null, string, null, 'Pid file of beat, as `--pidfile`.'),
  beat_uid: used(null, id, null, 'User beat changes to, as `--uid`.'),
  beat_gid: used(null, id, null, 'Group beat changes to, as `--gid`.'),
  beat_umask: used(null, id, null, 'File mode mask of a detached beat, as `--umask`.'),
  beat_executable: used(
    null,
    string,
    null,
    'Program that a detached beat is started with, as `--executable`.',
  ),
};

export const EVENTS_SETTINGS = {
  event_queue_expires: used(
    'CELERY_EVENT_QUEUE_EXPIRES',
    duration,
    60,
    "Delete a monitor's queue after this time without use.",
  ),
  event_queue_ttl: used(
    'CELERY_EVENT_QUEUE_TTL',
    duration,
    5,
    "How long an event may wait in a monitor's queue.",
  ),
  event_queue_prefix: used(
    'CELERY_EVENT_QUEUE_PREFIX',
    string,
    'celeryev',
    "Beginning of the names of monitors' queues.",
  ),
  event_queue_exclusive: used(
    'CELERY_EVENT_QUEUE_EXCLUSIVE',
    bool,
    true,
    "A monitor's queue belongs to its connection alone; not together with durable.",
  ),
  event_queue_durable: used(
    'CELERY_EVENT_QUEUE_DURABLE',
    bool,
    false,
    "A monitor's queue survives a broker restart; not together with exclusive.",
  ),
  event_serializer: used('CELERY_EVENT_SERIALIZER', string, 'json', 'Serializer of events.'),
  event_exchange: used(
    'CELERY_EVENT_EXCHANGE',
    string,
    'celeryev',
    'Name of the topic exchange for events.',
  ),
  events_logfile: used(null, string, null, 'Log file of the event monitor, as `--logfile`.'),
  events_pidfile: used(null, string, null, 'Pid file of the event monitor, as `--pidfile`.'),
  events_uid: used(null, id, null, 'User the event monitor changes to, as `--uid`.'),
  events_gid: used(null, id, null, 'Group the event monitor changes to, as `--gid`.'),
  events_umask: used(null, id, null, 'File mode mask of a detached event monitor, as `--umask`.'),
  events_executable: used(
    null,
    string,
    null,
    'Program that a detached event monitor is started with, as `--executable`.',
  ),
};

export const CONTROL_SETTINGS = {
  control_queue_ttl: used(
    'CONTROL_QUEUE_TTL',
    duration,
    300,
    'How long a remote control message may wait.',
  ),
  control_queue_expires: used(
    'CONTROL_QUEUE_EXPIRES',
    duration,
    10,
    'Delete an unused remote control queue after this time.',
  ),
  control_queue_exclusive: used(
    'CONTROL_QUEUE_EXCLUSIVE',
    bool,
    true,
    'A remote control queue belongs to its connection alone; not together with durable.',
  ),
  control_queue_durable: used(
    'CONTROL_QUEUE_DURABLE',
    bool,
    false,
    'A remote control queue survives a broker restart; not together with exclusive.',
  ),
  control_exchange: used(
    'CONTROL_EXCHANGE',
    string,
    'celery',
    'Beginning of the names of the remote control exchanges.',
  ),
};

export const SECURITY_SETTINGS = {
  security_key: used(
    'CELERY_SECURITY_KEY',
    string,
    null,
    'File of the private key that signs messages.',
  ),
  security_key_password: used(
    'CELERY_SECURITY_KEY_PASSWORD',
    any,
    null,
    'Password of that key, text or bytes.',
  ),
  security_certificate: used(
    'CELERY_SECURITY_CERTIFICATE',
    string,
    null,
    'File of the certificate of that key.',
  ),
  security_cert_store: used(
    'CELERY_SECURITY_CERT_STORE',
    string,
    null,
    'Certificates that are trusted: a folder or a file name pattern.',
  ),
  security_digest: used('CELERY_SECURITY_DIGEST', string, 'sha256', 'Digest of the signatures.'),
};
