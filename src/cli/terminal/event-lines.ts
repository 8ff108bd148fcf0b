/** Events as lines for people, worded as `celery events --dump` does. */
import { RecentMap } from '../../base/collections/recent-map.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { ReceivedEvent } from '../../events/receiver.ts';

const HUMAN_TYPES: Readonly<Record<string, string>> = {
  'worker-offline': 'shutdown',
  'worker-online': 'started',
  'worker-heartbeat': 'heartbeat',
};
/** Tasks whose names and arguments are remembered for their later events: as many as in Celery. */
const MOST_TASKS = 4095;
/** Characters of one that are remembered, and of an id for which that is done. */
const MOST_TEXT = 2048;
const MOST_ID = 200;
const HEAD: ReadonlySet<string> = new Set(['type', 'hostname', 'timestamp']);
const CALL: ReadonlySet<string> = new Set(['name', 'args', 'kwargs']);
const UNLIMITED = { maxLength: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };

export class EventLines {
  readonly #tasks = new RecentMap<string, string>(2 * MOST_TASKS);

  /** One line, whatever is in the event, or else others could be forged. */
  line(event: ReceivedEvent): string {
    const type = event.type.toLowerCase();
    const about = type.startsWith('task-') ? this.#about(type, event) : undefined;
    const names = Object.keys(event).filter(
      name => !HEAD.has(name) && !(about && (name === 'uuid' || (about.isCall && CALL.has(name)))),
    );
    const fields = names.sort().map(name => `${name}=${pythonStr(event[name])}`);
    const words = HUMAN_TYPES[type] ?? type.replaceAll('-', ' ');
    const head = `${event.hostname} [${moment(event.timestamp)}] ${words}${names.length > 0 ? ':' : ''}`;
    return printable([head, ...(about ? [about.text] : []), fields.join(', ')].join(' '));
  }

  /** Undefined of a task of which nothing was heard: an unregistered one, or one from before. */
  #about(type: string, event: ReceivedEvent): { text: string; isCall: boolean } | undefined {
    const { uuid, name, args, kwargs } = event;
    const id = pythonStr(uuid);
    if (type !== 'task-received' && type !== 'task-sent') {
      const text = this.#tasks.get(id);
      return text === undefined ? undefined : { text, isCall: false };
    }
    const text = `${pythonStr(name)}(${id}) args=${pythonStr(args)} kwargs=${pythonStr(kwargs)}`;
    if (id.length <= MOST_ID) this.#tasks.set(id, remembered(text));
    return { text, isCall: true };
  }
}

/** A copy: a part of a long text would keep all of it. */
function remembered(text: string): string {
  return text.length <= MOST_TEXT ? text : Buffer.from(text.slice(0, MOST_TEXT)).toString();
}

/** As `str` of Python: text as it is, everything else in its notation. */
function pythonStr(value: unknown): string {
  return typeof value === 'string' ? value : saferepr(value, UNLIMITED);
}

/** `2026-11-29 10:12:16.749373`, in UTC; whole seconds have no fraction, as in Python. */
function moment(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const date = new Date(Math.floor(micros / 1000));
  if (Number.isNaN(date.getTime())) return String(seconds);
  const text = date.toISOString().slice(0, -5).replace('T', ' ');
  const fraction = micros - Math.floor(micros / 1e6) * 1e6;
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, '0')}`;
}
