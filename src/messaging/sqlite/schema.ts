/**
 * The tables of a broker in an SQLite file.
 *
 * kombu_queue and kombu_message are kombu's, column for column, so that Python applications
 * use the same file. Nothing is added to them: an index or a trigger of ours would slow down
 * or break Python's inserts. What kombu lacks stands beside them under names of our own.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';

export interface TableNames {
  readonly queue: string;
  readonly message: string;
  /**
   * Which visible messages a queue has, in the order they are served. Written by consumers, since
   * publishers may be Python's.
   */
  readonly ready: string;
  /** One row: up to which message id `ready` is complete. */
  readonly ranked: string;
  /** Consumers: who they are and a counter that shows that they live, whatever their clocks say. */
  readonly holder: string;
  /** Messages (then invisible to kombu) that a consumer holds. */
  readonly lease: string;
  readonly binding: string;
  /** Messages to fanout exchanges, kept for a minute: only those who listen already are to hear them. */
  readonly broadcast: string;
  readonly subscriber: string;
  /** When queues that expire were used last. */
  readonly expiry: string;
}

const DEFAULT_QUEUE_TABLE = 'kombu_queue';
const DEFAULT_MESSAGE_TABLE = 'kombu_message';

function tableName(option: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  if (typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return value;
  throw new ImproperlyConfigured(
    `broker_transport_options: ${option} is ${JSON.stringify(value)}, which is not a name for a table.`,
  );
}

export const TABLE_OPTIONS = ['queue_tablename', 'message_tablename'];

/** Names from `queue_tablename` and `message_tablename`, kombu's options. */
export function tableNames(options: Readonly<Record<string, unknown>>): TableNames {
  const queue = tableName('queue_tablename', options.queue_tablename, DEFAULT_QUEUE_TABLE);
  const message = tableName('message_tablename', options.message_tablename, DEFAULT_MESSAGE_TABLE);
  const suffix = message === DEFAULT_MESSAGE_TABLE ? '' : `_${message}`;
  return {
    queue,
    message,
    ready: `tscelery_ready${suffix}`,
    ranked: `tscelery_ranked${suffix}`,
    holder: `tscelery_holder${suffix}`,
    lease: `tscelery_lease${suffix}`,
    binding: `tscelery_binding${suffix}`,
    broadcast: `tscelery_broadcast${suffix}`,
    subscriber: `tscelery_subscriber${suffix}`,
    expiry: `tscelery_expiry${suffix}`,
  };
}

/** As SQLAlchemy writes them for kombu 5, which leaves tables alone that are there. */
const kombuTables = (t: TableNames) => `
CREATE TABLE IF NOT EXISTS ${t.queue} (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(200), 
	UNIQUE (name)
);
CREATE TABLE IF NOT EXISTS ${t.message} (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	visible BOOLEAN, 
	timestamp DATETIME, 
	payload TEXT NOT NULL, 
	version SMALLINT NOT NULL, 
	queue_id INTEGER, 
	CONSTRAINT "FK_kombu_message_queue" FOREIGN KEY(queue_id) REFERENCES ${t.queue} (id)
);
CREATE INDEX IF NOT EXISTS ix_kombu_message_timestamp_id ON ${t.message} (timestamp, id);
CREATE INDEX IF NOT EXISTS ix_${t.message}_visible ON ${t.message} (visible);
CREATE INDEX IF NOT EXISTS ix_${t.message}_timestamp ON ${t.message} (timestamp);
`;

const ownTables = (t: TableNames) => `
CREATE TABLE IF NOT EXISTS ${t.ready} (
  queue_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  PRIMARY KEY (queue_id, step, message_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${t.ranked} (id INTEGER PRIMARY KEY CHECK (id = 1), up_to INTEGER NOT NULL);
INSERT OR IGNORE INTO ${t.ranked} VALUES (1, 0);
CREATE TABLE IF NOT EXISTS ${t.holder} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started TEXT NOT NULL,
  beat INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ${t.lease} (message_id INTEGER PRIMARY KEY, holder_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ${t.binding} (
  exchange TEXT NOT NULL,
  binding_key TEXT NOT NULL,
  queue TEXT NOT NULL,
  PRIMARY KEY (exchange, binding_key, queue)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${t.broadcast} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  exchange TEXT NOT NULL,
  payload TEXT NOT NULL,
  sent_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ${t.subscriber} (
  exchange TEXT NOT NULL,
  holder_id INTEGER NOT NULL,
  PRIMARY KEY (exchange, holder_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${t.expiry} (
  queue TEXT PRIMARY KEY,
  seconds REAL NOT NULL,
  used_at REAL NOT NULL
) WITHOUT ROWID;
`;

export const schema = (t: TableNames): string => kombuTables(t) + ownTables(t);

/** The last table that `schema` makes: where it is, all of them are. */
export const lastTable = (t: TableNames): string => t.expiry;
