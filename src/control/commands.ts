/**
 * The commands of remote control, one row each. The worker's handlers, the methods of the client,
 * `tscelery inspect` and `control`, their help and docs/control.md are all made from, or checked
 * against, these rows. Names, arguments and texts of replies are Celery's.
 */
import {
  flag,
  rate,
  seconds,
  signal,
  stamps,
  text,
  texts,
  type WordKind,
  type WordsKind,
  wholeNumber,
} from './words.ts';

export interface ControlArgument {
  readonly kind: WordKind;
  readonly required?: boolean;
  /** Its name in help, by which it can be typed, too: `NAME=VALUE`. */
  readonly as?: string;
}

/** What takes all words that are left. */
export interface RestArgument {
  /** In the message. */
  readonly name: string;
  readonly kind: WordsKind;
  /** At the command line; programs may send an empty list. */
  readonly required?: boolean;
  /** What help calls the first word. */
  readonly as?: string;
}

export interface ControlCommand {
  readonly name: string;
  /** `inspect` only reads. */
  readonly kind: 'inspect' | 'control';
  /** By their names in the message, in the order in which they are typed. */
  readonly args: Readonly<Record<string, ControlArgument>>;
  readonly rest?: RestArgument | undefined;
  /** The arguments as help shows them. */
  readonly signature: string;
  readonly help: string;
  /** Sent between nodes: not offered at the command line. */
  readonly isHidden?: boolean;
  /** Other names that nodes hear, since older programs send them. */
  readonly aliases?: readonly string[];
  /**
   * Arguments that only programs send, besides those above; `*` stands for any, as `**kwargs` of
   * Celery's function does.
   */
  readonly more?: readonly string[];
  /** Nobody answers: the node is gone then. */
  readonly isSilent?: boolean;
}

type Row = Omit<ControlCommand, 'name' | 'kind' | 'args' | 'signature'> &
  Partial<Pick<ControlCommand, 'args' | 'signature'>>;

const must = (kind: WordKind): ControlArgument => ({ kind, required: true });
const may = (kind: WordKind): ControlArgument => ({ kind });
const named = (as: string, kind: WordKind): ControlArgument => ({ kind, as });

const IDS = '<id1> [id2 [... [idN]]]';
const idsAs = (name: string): RestArgument => ({ name, kind: texts, required: true, as: 'id1' });

const INSPECT: Readonly<Record<string, Row>> = {
  ping: { help: 'Ask the nodes whether they are there.', more: ['*'] },
  active: {
    help: 'Tasks that run now.',
    aliases: ['dump_active'],
    more: ['safe'],
  },
  reserved: {
    help: 'Tasks that wait in the node for a place of the pool, or for their rate limit.',
    aliases: ['dump_reserved'],
    more: ['*'],
  },
  scheduled: {
    help: 'Tasks that wait in the node for their ETA.',
    aliases: ['dump_schedule'],
    more: ['*'],
  },
  revoked: { help: 'Ids of revoked tasks.', aliases: ['dump_revoked'], more: ['*'] },
  registered: {
    rest: { name: 'taskinfoitems', kind: texts },
    signature: '[attr1 [attr2 [... [attrN]]]]',
    help: 'The tasks a node knows, with these attributes of each.',
    aliases: ['dump_tasks'],
    more: ['builtins'],
  },
  stats: { help: 'Counters of the node, its pool and its process.', more: ['*'] },
  active_queues: { help: 'The queues a node consumes.' },
  conf: {
    args: { with_defaults: named('include_defaults', flag) },
    signature: '[include_defaults=False]',
    help: 'The settings of a node, without secrets.',
    aliases: ['dump_conf'],
    more: ['*'],
  },
  query_task: {
    rest: idsAs('ids'),
    signature: IDS,
    help: 'Where tasks with these ids are: active, reserved or ready.',
    more: ['*'],
  },
  report: { help: 'What a bug report needs.' },
  clock: { help: 'The logical clock of the node.', more: ['*'] },
  memsample: { help: 'The memory a node uses now.', more: ['*'] },
  memdump: {
    args: { samples: named('n_samples', wholeNumber) },
    signature: '[n_samples=10]',
    help: 'The samples of memory taken so far.',
    more: ['*'],
  },
  objgraph: {
    args: {
      type: named('object_type', text),
      num: named('num', wholeNumber),
      max_depth: named('max_depth', wholeNumber),
    },
    signature: '[object_type=Request] [num=200 [max_depth=10]]',
    help: 'Write what is in the memory of the node to a file, and tell its name.',
  },
  hello: {
    args: { from_node: must(text) },
    help: 'Tell another node what is revoked, and hear what it knows.',
    isHidden: true,
    more: ['revoked', '*'],
  },
};

const CONTROL: Readonly<Record<string, Row>> = {
  revoke: {
    rest: idsAs('task_id'),
    signature: IDS,
    help: 'Do not run these tasks.',
    more: ['terminate', 'signal', '*'],
  },
  terminate: {
    args: { signal: must(signal) },
    rest: idsAs('task_id'),
    signature: `<signal> ${IDS}`,
    help: 'Do not run these tasks, and kill what runs them.',
    more: ['*'],
  },
  revoke_by_stamped_headers: {
    rest: { name: 'headers', kind: stamps, required: true, as: 'key1=value1' },
    signature: '<key1=value1> [key2=value2 [... [keyN=valueN]]]',
    help: 'Do not run tasks that carry one of these stamps.',
    more: ['terminate', 'signal', '*'],
  },
  rate_limit: {
    args: { task_name: must(text), rate_limit: must(rate) },
    signature: '<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>',
    help: 'Start tasks of this name no more often than that; 0 is no limit.',
    more: ['*'],
  },
  time_limit: {
    args: { task_name: must(text), soft: may(seconds), hard: may(seconds) },
    signature: '<task_name> [soft_secs [hard_secs]]',
    help: 'Give tasks of this name so much time; a limit that is left out is none.',
    more: ['*'],
  },
  add_consumer: {
    args: {
      queue: must(text),
      exchange: may(text),
      exchange_type: may(text),
      routing_key: may(text),
    },
    signature: '<queue> [exchange [type [routing_key]]]',
    help: 'Consume from this queue too.',
    more: ['*'],
  },
  cancel_consumer: {
    args: { queue: must(text) },
    signature: '<queue>',
    help: 'Consume from this queue no more.',
    more: ['*'],
  },
  pool_grow: {
    args: { n: named('N', wholeNumber) },
    signature: '[N=1]',
    help: 'Add places to the pool.',
    more: ['*'],
  },
  pool_shrink: {
    args: { n: named('N', wholeNumber) },
    signature: '[N=1]',
    help: 'Take places from the pool.',
    more: ['*'],
  },
  autoscale: {
    args: { max: may(wholeNumber), min: may(wholeNumber) },
    signature: '[max [min]]',
    help: 'Let the pool of a node with --autoscale grow and shrink within these bounds.',
    more: ['*'],
  },
  pool_restart: {
    help: 'Replace the children of the pool, which load the code anew.',
    more: ['modules', 'reload', 'reloader', '*'],
  },
  enable_events: { help: 'Tell in events what becomes of tasks.' },
  disable_events: { help: 'Tell nothing of tasks in events any more.' },
  heartbeat: { help: 'Send a heartbeat event now.' },
  election: {
    args: { id: must(text), topic: must(text) },
    help: 'Agree with the other nodes on one of them, which does what is to be done.',
    isHidden: true,
    more: ['action', '*'],
  },
  shutdown: {
    help: 'Stop, when what runs has ended.',
    more: ['msg', '*'],
    isSilent: true,
  },
};

/** Every command of Celery, in the order of docs and help. */
export const CONTROL_COMMANDS: readonly ControlCommand[] = [
  ...rows('inspect', INSPECT),
  ...rows('control', CONTROL),
];

function rows(
  kind: ControlCommand['kind'],
  table: Readonly<Record<string, Row>>,
): readonly ControlCommand[] {
  return Object.entries(table).map(([name, row]) => ({
    name,
    kind,
    args: {},
    signature: '',
    ...row,
  }));
}
