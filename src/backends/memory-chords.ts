/** The chords of a result store in memory. */
import { jsonDecode, jsonEncode } from '../wire/serializers/json.ts';
import type { ChordPart, ChordProgress, ChordStore } from './contract.ts';
import { alive, type Expiring, put } from './expiring.ts';

/** A closed chord is remembered so long at most, also when results are kept for ever. */
const CLOSED_FOR_MS = 86_400_000;

export interface MemoryChord extends Expiring {
  deadline: number;
  size: number | undefined;
  grown: number;
  isClosed: boolean;
  /** Milliseconds since the epoch until which the parts are somebody's. */
  claimedUntil: number;
  /** By task, each as text, so that it cannot change. */
  readonly parts: Map<string, string>;
}

export interface MemoryChordOptions {
  /** When what is stored now expires, in milliseconds since the epoch. */
  deadline(): number;
  readonly leaseMs: number;
}

export class MemoryChords implements ChordStore {
  readonly #chords: Map<string, MemoryChord>;
  readonly #options: MemoryChordOptions;

  /** @param chords the ones of all instances with the same URL */
  constructor(chords: Map<string, MemoryChord>, options: MemoryChordOptions) {
    this.#chords = chords;
    this.#options = options;
  }

  async setSize(groupId: string, size: number): Promise<void> {
    this.#touch(groupId).size = size;
  }

  async grow(groupId: string, count: number): Promise<void> {
    this.#touch(groupId).grown += count;
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | undefined> {
    const { taskId, index, status, result } = part;
    const text = jsonEncode([taskId, index, status, result]);
    const chord = this.#touch(groupId);
    if (chord.isClosed) return undefined;
    if (!chord.parts.has(taskId)) chord.parts.set(taskId, text);
    const now = Date.now();
    if (chord.size === undefined || chord.parts.size < chord.size + chord.grown) return undefined;
    if (chord.claimedUntil > now) return undefined;
    chord.claimedUntil = now + this.#options.leaseMs;
    return inOrder(chord);
  }

  async close(groupId: string): Promise<void> {
    const chord = this.#touch(groupId);
    chord.isClosed = true;
    chord.parts.clear();
    this.#touch(groupId);
  }

  async progress(groupId: string): Promise<ChordProgress | undefined> {
    const chord = alive(this.#chords.get(groupId));
    if (!chord || chord.isClosed) return undefined;
    const { size, grown } = chord;
    return { size: size === undefined ? undefined : size + grown, parts: inOrder(chord) };
  }

  /** The chord, made if need be, with its whole lifetime before it. */
  #touch(groupId: string): MemoryChord {
    const known = alive(this.#chords.get(groupId));
    const longest = known?.isClosed ? Date.now() + CLOSED_FOR_MS : Number.POSITIVE_INFINITY;
    const deadline = Math.min(this.#options.deadline(), longest);
    const chord: MemoryChord = known
      ? Object.assign(known, { deadline })
      : { size: undefined, grown: 0, isClosed: false, claimedUntil: 0, parts: new Map(), deadline };
    put(this.#chords, groupId, chord);
    return chord;
  }
}

function inOrder(chord: MemoryChord): ChordPart[] {
  const parts = [...chord.parts.values()].map(text => {
    const [taskId, index, status, result] = jsonDecode(text) as [string, number, string, unknown];
    return { taskId, index, status, result };
  });
  const place = ({ index }: ChordPart) => index ?? Number.MAX_VALUE;
  return parts.sort((one, other) => place(one) - place(other));
}
