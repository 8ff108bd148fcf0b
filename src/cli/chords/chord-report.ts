/** A chord as people and programs read it. */
import { counted as amount } from '../../base/text/counted.ts';
import { printable, printableJson } from '../../base/text/printable.ts';
import { type ChordState, endedUncounted, isUnsent, type UncountedTask } from './chord-state.ts';
import type { Repaired } from './repair.ts';

/** `no_size`: nobody knows how many parts there are; `uncounted`: of a stored result; `unsent`: the body. */
type Problem = 'no_size' | 'uncounted' | 'unsent';

export function problemsOf(state: ChordState): Problem[] {
  return [
    ...(state.size === undefined ? (['no_size'] as const) : []),
    ...(endedUncounted(state).length > 0 ? (['uncounted'] as const) : []),
    ...(isUnsent(state) ? (['unsent'] as const) : []),
  ];
}

/** Tasks of the header of which not even an id is known; undefined without a size. */
function strangers({ size, counted, uncounted }: ChordState): number | undefined {
  return size === undefined ? undefined : Math.max(size - counted.length - uncounted.length, 0);
}

export function reportJson(state: ChordState): string {
  const { groupId, size, counted, uncounted } = state;
  return printableJson(
    JSON.stringify({
      group_id: groupId,
      size: size ?? null,
      counted: counted.map(({ taskId, index, status }) => ({
        task_id: taskId,
        place: index,
        status,
      })),
      uncounted: uncounted.map(({ taskId, place, status }) => ({ task_id: taskId, place, status })),
      unknown: strangers(state) ?? null,
      problems: problemsOf(state),
    }),
  );
}

export function report(state: ChordState): string {
  const { groupId, size, counted, uncounted } = state;
  const unknown = strangers(state);
  const of = size === undefined ? 'an unknown number of parts' : amount(size, 'part');
  const lines = [
    `Chord ${groupId}: ${counted.length} of ${of} ${counted.length === 1 ? 'is' : 'are'} counted.`,
    ...counted.map(({ taskId, index, status }) => line(index, status, taskId)),
    ...uncounted.map(each => line(each.place, each.status, each.taskId, noteOf(each, state))),
    ...(unknown
      ? [`  Of ${amount(unknown, 'task')} nothing is stored that tells its id; --task names them.`]
      : []),
    ...problemsOf(state).map(problem => SENTENCES[problem](state)),
  ];
  if (problemsOf(state).length === 0) lines.push('Nothing is wrong: it waits for its tasks.');
  return lines.map(printable).join('\n');
}

function line(place: number | null, status: string, taskId: string, note = ''): string {
  return `  ${String(place ?? '-').padStart(4)}  ${status.padEnd(8)}  ${taskId}${note}`;
}

function noteOf({ taskId }: UncountedTask, state: ChordState): string {
  return endedUncounted(state).some(each => each.taskId === taskId) ? '  not counted' : '';
}

const SENTENCES: Readonly<Record<Problem, (state: ChordState) => string>> = {
  no_size: () =>
    'Wrong: how many parts it has was never stored, as whoever sent it stopped before that.',
  uncounted: state =>
    `Wrong: ${amount(endedUncounted(state).length, 'task')} ended with a stored result that was never counted.`,
  unsent: () => 'Wrong: all parts have ended, but its body was not sent.',
};

export function repairJson({ groupId }: ChordState, { counted, body, reason }: Repaired): string {
  const told = { group_id: groupId, counted, body, ...(reason !== undefined && { reason }) };
  return printableJson(JSON.stringify(told));
}

export function repairLine({ groupId }: ChordState, { counted, body, reason }: Repaired): string {
  const done = counted.length > 0 ? [`counted ${amount(counted.length, 'task')}`] : [];
  if (body === 'sent') done.push('sent the body');
  if (body === 'sent before') done.push('closed it: the body had been sent');
  if (body === 'given up') done.push(`gave the body up: ${reason}`);
  const text = done.length > 0 ? done.join(', ') : 'nothing to do: it waits for its tasks';
  return printable(`Chord ${groupId}: ${text}.`);
}
