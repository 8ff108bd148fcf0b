/** One row of the settings table, and the three ways to write one. */

import type { Kind } from '../../options/setting-kinds.ts';

/**
 * `used`: the setting has an effect. `later`: it is accepted, the part it belongs to is not
 * there yet. `no effect in Node`: it is accepted, so that a config file can be shared with
 * Python, and nothing reads it.
 */
export type SettingStatus = 'used' | 'later' | 'no effect in Node';

export interface Setting<Given = unknown, Kept = unknown> {
  /** Upper-case names of Celery 3, still accepted; the first is the one that is shown. */
  readonly oldNames: readonly string[];
  readonly kind: Kind<Given, Kept>;
  /** Null is Python's None: not set. */
  readonly default: Kept;
  readonly meaning: string;
  readonly status: SettingStatus;
  /** Why the setting has no effect. */
  readonly reason: string;
}

type Row = <Given, Kept, Default extends Kept | null>(
  oldName: string | readonly string[] | null,
  kind: Kind<Given, Kept>,
  fallback: Default,
  meaning: string,
  reason?: string,
) => Setting<Given | (Default & null), Kept | (Default & null)>;

function row(status: SettingStatus): Row {
  return (oldNames, kind, fallback, meaning, reason = '') => ({
    oldNames: oldNames === null ? [] : [oldNames].flat(),
    kind: kind as never,
    default: fallback as never,
    meaning,
    status,
    reason,
  });
}

export const used = row('used');
export const later = row('later');
export const noEffect = row('no effect in Node');
