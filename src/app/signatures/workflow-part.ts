/** One message of a workflow, taken apart into what the user may say of a call and what only workflows do. */
import { camelCase } from '../../base/text/case.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { type StampHeaders, stampHeaders, stampsOf } from '../../canvas/stamps.ts';
import { inOptionSpelling } from '../options/option-checks.ts';
import type { ApplyOptions } from '../options/task-options.ts';

/** What the message of a workflow's task says beside what each call may. */
export interface WorkflowPart extends StampHeaders {
  readonly groupId?: string | undefined;
  readonly groupIndex?: number | undefined;
  /** Steps that follow it, the next one last. */
  readonly chain?: readonly unknown[] | undefined;
  /** The body that waits for it. */
  readonly chord?: unknown;
}

const OF_WORKFLOWS = new Set(['group_id', 'group_index', 'chain', 'chord', 'stamped_headers']);

export function partOf(signature: SignatureData): { options: ApplyOptions; part: WorkflowPart } {
  const { kwargs, options: given } = signature;
  const names = stampsOf(given);
  const options: Record<string, unknown> = { kwargs };
  for (const [name, value] of Object.entries(given)) {
    if (value === null || OF_WORKFLOWS.has(name) || names.includes(name)) continue;
    options[camelCase(name)] = name === 'retry_policy' ? inOptionSpelling(value) : value;
  }
  const {
    chain,
    chord,
    group_id: groupId,
    group_index: groupIndex,
  } = given as {
    chain?: readonly unknown[];
    chord?: unknown;
    group_id?: string;
    group_index?: number;
  };
  return { options, part: { chain, chord, groupId, groupIndex, ...stampHeaders(given) } };
}
