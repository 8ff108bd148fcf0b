import { HEALTH } from './declarations/health.ts';
import { type Command, command } from './parsing/command.ts';

/** By itself: probes run it every few seconds, and must not pay for the table of all commands. */
export const PROBE: Command = command(HEALTH, () => import('./commands/health.ts'));
