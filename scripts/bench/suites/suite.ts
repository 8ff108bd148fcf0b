/** What a suite is: a way to measure one system once, and how to show what came out. */
import type { Lab } from '../lab.ts';
import type { System } from '../system.ts';

export type Metrics = Readonly<Record<string, number>>;

export interface RunOptions {
  /** Tasks instead of the number each system brings. */
  readonly tasks: number | undefined;
  /** Less of everything: to see that it works. */
  readonly quick: boolean;
  /** Where the processes of workers that run on Node write CPU profiles. */
  readonly profileDir: string | undefined;
}

export interface Measured {
  readonly metrics: Metrics;
  /** Share of the machine that other processes took meanwhile, 0 to 1. */
  readonly others: number;
}

export interface Column {
  readonly metric: string;
  readonly label: string;
  /** Digits after the point. */
  readonly digits?: number;
  /** More of it is better; otherwise less is. */
  readonly isRate?: boolean;
  /** Also show how many times as much it is as this metric of the baseline. */
  readonly ratioTo?: string;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  /** It needs the lab's RabbitMQ node; left out where there is none. */
  readonly onRabbitmq?: boolean;
  takesPart(system: System): boolean;
  /** The lab is cleared before. */
  run(lab: Lab, system: System, options: RunOptions): Promise<Measured>;
}
