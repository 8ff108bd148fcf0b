/** Seconds between two touches of a health file. */
export const TOUCH_EVERY = 2;
/** Seconds after which one that was not touched means that its process is not well. */
export const STALE_AFTER = 10;
