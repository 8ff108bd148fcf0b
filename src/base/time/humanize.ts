const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `5.00 minutes`, `1.00 hour`; `now` for less than a second. Celery: `humanize_seconds`. */
export function humanSeconds(seconds: number): string {
  const unit = UNITS.find(([, size]) => seconds >= size);
  if (unit === undefined) return 'now';
  const count = seconds / unit[1];
  return `${count.toFixed(2)} ${unit[0]}${count === 1 ? '' : 's'}`;
}
