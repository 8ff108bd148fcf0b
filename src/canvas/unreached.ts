/** The tasks of a workflow that somebody may wait for, though they will never run. */
import { bodyOf, headerOf, isKind, tasksOf } from './shapes.ts';
import type { SignatureData } from './signature.ts';

/** What belongs to a chord that counts it. */
export interface ChordPlace {
  readonly groupId: string;
  readonly index: number | null;
  readonly body: SignatureData;
}

export interface UnreachedTask {
  readonly id: string;
  /** Queue for its result. */
  readonly replyTo: string | undefined;
  /** The chord that has to hear of its end. */
  readonly chord: ChordPlace | undefined;
}

type Options = SignatureData['options'];

/** All of a workflow that had its ids already and was not sent. */
export function unreachedTasks(signature: SignatureData, group: Options = {}): UnreachedTask[] {
  if (isKind(signature, 'chain')) return tasksOf(signature).flatMap(task => unreachedTasks(task));
  if (isKind(signature, 'group')) {
    return tasksOf(signature).flatMap(task => unreachedTasks(task, signature.options));
  }
  if (isKind(signature, 'chord')) {
    // its own body hears nothing of its header: it is given up together with it
    const header = headerOf(signature).flatMap(part => unreachedTasks(part));
    return [
      ...header.map(part => ({ ...part, chord: undefined })),
      ...unreachedTasks(bodyOf(signature)),
    ];
  }
  return unreachedTask(signature, group);
}

function unreachedTask({ options }: SignatureData, group: Options): UnreachedTask[] {
  const { task_id: id, reply_to: replyTo } = options;
  if (typeof id !== 'string') return [];
  return [
    {
      id,
      replyTo: typeof replyTo === 'string' ? replyTo : undefined,
      chord: chordPlace({ ...options, chord: options.chord ?? group.chord }),
    },
  ];
}

/** What the options of a signature say of the chord that waits for it. */
export function chordPlace(options: Options): ChordPlace | undefined {
  const { chord, group_id: groupId, group_index: index } = options;
  if (typeof chord !== 'object' || chord === null || typeof groupId !== 'string') return undefined;
  return {
    groupId,
    index: typeof index === 'number' ? index : null,
    body: chord as unknown as SignatureData,
  };
}
