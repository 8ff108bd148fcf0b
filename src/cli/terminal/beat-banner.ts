/** What beat shows when it starts, in the shape of Celery's. */
import type { LogLevel } from '../../base/logger.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { humanSeconds } from '../../base/time/humanize.ts';
import { localNow } from './banner.ts';
import { versionLine } from './version.ts';

export interface BeatFacts {
  readonly brokerUrl: string;
  /** Name of the scheduler. */
  readonly scheduler: string;
  /** Line of the schedule's store; may be empty. */
  readonly info: string;
  readonly logfile: string | null;
  readonly logLevel: LogLevel;
  /** Seconds. */
  readonly maxInterval: number;
}

export const ORNAMENT = '__    -    ... __   -        _';

export function startingLine(): string {
  return `celery beat v${versionLine()} is starting.`;
}

export function beatFacts(facts: BeatFacts): string {
  const { brokerUrl, scheduler, info, logfile, logLevel, maxInterval } = facts;
  return [
    `LocalTime -> ${localNow()}`,
    'Configuration ->',
    `    . broker -> ${maskUrl(brokerUrl)}`,
    '    . loader -> tscelery',
    `    . scheduler -> ${scheduler}`,
    info === '' ? '' : `    ${info}`,
    `    . logfile -> ${logfile ?? '[stderr]'}@%${logLevel.toUpperCase()}`,
    `    . maxinterval -> ${humanSeconds(maxInterval)} (${maxInterval}s)`,
  ].join('\n');
}
