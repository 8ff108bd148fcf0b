/** The parent's end of the line to the thread that knows a child's stack. */
import type { Socket } from 'node:net';

/** More than the thread itself takes. */
const MOST_MS = 4000;

type Stack = readonly string[] | undefined;

export class StackLine {
  readonly #socket: Socket;
  #text = '';
  #asking: Promise<Stack> | undefined;
  #onAnswer: (stack: Stack) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#hear(text));
    socket.on('error', () => {});
    socket.on('close', () => this.#onAnswer(undefined));
    socket.unref();
  }

  /** Undefined when there is no answer in time, or the child executes no JavaScript. */
  ask(): Promise<Stack> {
    this.#asking ??= new Promise(resolve => {
      const timer = setTimeout(() => this.#onAnswer(undefined), MOST_MS);
      this.#onAnswer = stack => {
        clearTimeout(timer);
        this.#asking = undefined;
        resolve(stack);
      };
      this.#socket.write('?');
    });
    return this.#asking;
  }

  #hear(text: string): void {
    this.#text += text;
    if (!this.#text.endsWith('\n')) return;
    const answer = JSON.parse(this.#text) as string[] | null;
    this.#text = '';
    this.#onAnswer(answer ?? undefined);
  }
}
