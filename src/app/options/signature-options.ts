/**
 * Calls that are given as data (`link`, `linkError`), in Celery's spelling, since they travel so.
 */
import { isMap } from '../../base/kind-of.ts';
import {
  any,
  count,
  firstSlip,
  flag,
  type Kind,
  type Kinds,
  list,
  map,
  name,
  number,
  slipIn,
  span,
  text,
} from '../../base/option-kinds.ts';
import type { SignatureData } from '../../canvas/signature.ts';

const linked = (value: unknown) => (Array.isArray(value) ? value : [value]) as readonly unknown[];

export const calls: Kind = {
  words: 'a call ({ task: … }) or a list of calls',
  accepts: value =>
    linked(value).every(
      call =>
        isMap(call) &&
        name.accepts((call as { task?: unknown }).task) &&
        slipIn(call, SIGNATURE, SIGNATURE_EXTRAS) === undefined,
    ),
  hint: value => firstSlip(linked(value), SIGNATURE, SIGNATURE_EXTRAS),
};

/** What the node that sends the call reads, this library or Celery, so that neither's is a slip. */
export const SIGNATURE_OPTIONS: Readonly<Record<string, Kind>> = {
  task_id: name,
  root_id: name,
  parent_id: name,
  group_id: name,
  group_index: count,
  // steps of workflows, which the node that runs them reads
  chain: any,
  chord: any,
  link: calls,
  link_error: calls,
  // times are looked at where they are read
  eta: any,
  expires: any,
  countdown: span,
  queue: text,
  exchange: text,
  exchange_type: text,
  routing_key: text,
  priority: number,
  delivery_mode: any,
  mandatory: flag,
  immediate: flag,
  serializer: name,
  compression: name,
  time_limit: number,
  soft_time_limit: number,
  retries: count,
  retry: flag,
  retry_policy: map,
  ignore_result: flag,
  add_to_parent: flag,
  reply_to: text,
  shadow: text,
  argsrepr: text,
  kwargsrepr: text,
  headers: map,
  properties: map,
  correlation_id: text,
  replaced_task_nesting: count,
  stamped_headers: list,
  stamps: map,
};

/** Each stamp is an option of its own. */
function stampsOf(options: object): ReadonlySet<string> {
  const { stamped_headers: stamps } = options as { stamped_headers?: unknown };
  return new Set(Array.isArray(stamps) ? (stamps as string[]) : []);
}

const optionsOfCall: Kind = {
  words: "an object with Celery's options of a call, such as { routing_key: … }",
  accepts: value => isMap(value) && slipIn(value, SIGNATURE_OPTIONS, stampsOf(value)) === undefined,
  hint: value => (isMap(value) ? (slipIn(value, SIGNATURE_OPTIONS, stampsOf(value)) ?? '') : ''),
};

export const SIGNATURE: Kinds<SignatureData> = {
  task: name,
  args: list,
  kwargs: map,
  options: optionsOfCall,
  subtask_type: text,
  immutable: flag,
};

/** Of a signature as other nodes make it: read by nobody here, and no slip. */
export const SIGNATURE_EXTRAS = new Set(['chord_size', 'type', 'id']);
