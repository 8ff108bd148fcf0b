import { CeleryError } from '../base/errors.ts';

/**
 * A schedule that cannot be: a field out of its range, an interval of no length, an event nobody
 * knows. Celery: `ValueError` and `TypeError`.
 */
export class InvalidSchedule extends CeleryError {
  readonly code: string = 'INVALID_SCHEDULE';
}

/** The text of a crontab field that cannot be read. Celery: `celery.schedules.ParseException`. */
export class ParseException extends InvalidSchedule {
  static override readonly excModule = 'celery.schedules';
  override readonly code = 'PARSE_EXCEPTION';
}
