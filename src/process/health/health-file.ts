/** A file that is young as long as its process is well, for probes that can only look at files. */
import { rm, writeFile } from 'node:fs/promises';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Service } from '../../base/service.ts';
import { type Clock, systemClock, type Timer } from '../../base/time/clock.ts';
import { within } from '../../base/time/within.ts';
import { TOUCH_EVERY } from './file-age.ts';

/** Seconds for a file system to write a line. */
const LAST_WRITE = 2;

export interface HealthFilePorts {
  /** Asked before each touch. */
  isWell(): boolean;
  /** Something an operator should read. */
  warn(text: string): void;
  readonly clock?: Clock;
}

export class HealthFile implements Service {
  readonly #path: string;
  readonly #ports: HealthFilePorts;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #isStopped = false;
  #isTroubled = false;

  constructor(path: string, ports: HealthFilePorts) {
    this.#path = path;
    this.#ports = ports;
  }

  /**
   * What a process before it left is removed: it says nothing about this one.
   *
   * @throws ImproperlyConfigured when it cannot be written
   */
  async start(): Promise<void> {
    try {
      await this.#write();
      await rm(this.#path, { force: true });
    } catch (error) {
      throw new ImproperlyConfigured(
        `worker_health_file ${JSON.stringify(this.#path)} cannot be written: ${(error as Error).message}`,
        { cause: error },
      );
    }
    if (this.#isStopped) return;
    const { clock = systemClock } = this.#ports;
    this.#timer = clock.every(TOUCH_EVERY, () => this.#touch(), { unref: true });
    this.#touch();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    const removed = (this.#writing ?? Promise.resolve()).then(() =>
      rm(this.#path, { force: true }),
    );
    await within(LAST_WRITE, removed).catch(() => {});
  }

  /** One at a time: a file system that hangs must not collect them. */
  #touch(): void {
    if (this.#writing || this.#isStopped || !this.#ports.isWell()) return;
    this.#writing = this.#write()
      .then(
        () => {
          this.#isTroubled = false;
        },
        (error: Error) => this.#tell(error),
      )
      .finally(() => {
        this.#writing = undefined;
      });
  }

  #write(): Promise<void> {
    return writeFile(this.#path, `${process.pid}\n`);
  }

  #tell({ message }: Error): void {
    if (!this.#isTroubled) this.#ports.warn(`The health file cannot be written: ${message}`);
    this.#isTroubled = true;
  }
}
