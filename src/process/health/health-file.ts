/** A file that is young as long as its process is well, for probes that can only look at files. */
import { rm, stat, writeFile } from 'node:fs/promises';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Service } from '../../base/service.ts';
import { type Clock, systemClock, type Timer } from '../../base/time/clock.ts';
import { within } from '../../base/time/within.ts';
import { TOUCH_EVERY } from './file-age.ts';

/** Seconds for a file system to write a line. */
const LAST_WRITE = 2;
/** More than a process id needs: such a file is something else, which must not be lost to a slip. */
const LARGEST = 32;

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
  /** Whether what is there may be removed. */
  #isOwn = false;
  #isTroubled = false;

  constructor(path: string, ports: HealthFilePorts) {
    this.#path = path;
    this.#ports = ports;
  }

  /**
   * What a process before it left is removed: it says nothing about this one.
   *
   * @throws ImproperlyConfigured when it cannot be written, or is something else
   */
  async start(): Promise<void> {
    try {
      await checkOwn(this.#path);
      this.#isOwn = true;
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
    if (!this.#isOwn) return;
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

/** To open a pipe that nobody reads would take for ever. */
async function checkOwn(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isFile()) throw new Error('it is no file');
  if (found.size > LARGEST) throw new Error('it is a file with something else in it');
}
