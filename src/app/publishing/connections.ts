/** The connections of one app: one for publishing, one to the result backend, opened on first use. */
import type { ResultBackend } from '../../backends/contract.ts';
import { answersSender, openBackend } from '../../backends/open.ts';
import { Closing } from '../../base/closing.ts';
import { outside } from '../../base/outside.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import type { FailoverStrategy } from '../../drivers/failover.ts';
import type { Transport } from '../../messaging/contract.ts';
import { openTransport } from '../../messaging/open.ts';
import type { Settings } from '../settings/settings.ts';

export interface ReplyHost {
  oid(): string;
  warn(message: string): void;
}

export class Connections {
  readonly #conf: Settings;
  readonly #replies: ReplyHost;
  #closing = new Closing();
  #answersSender: boolean | undefined;
  #revision = -1;
  #transport: Promise<Transport> | undefined;
  #backend: Promise<ResultBackend> | undefined;
  /**
   * A `close` that has not ended: another one waits for it, or what is on its way could be lost.
   */
  #ending: Promise<void> | undefined;

  constructor(conf: Settings, replies: ReplyHost) {
    this.#conf = conf;
    this.#replies = replies;
  }

  /** For those who wait, and would for ever otherwise: hears of the next `close`. */
  get closing(): Closing {
    return this.#closing;
  }

  transport(): Promise<Transport> {
    if (!this.#transport) {
      const opening = outside(() => this.#openForPublishing());
      this.#transport = opening;
      opening.catch(() => {
        if (this.#transport === opening) this.#transport = undefined;
      });
    }
    return this.#transport;
  }

  async #openForPublishing(): Promise<Transport> {
    const transport = await this.open('write');
    transport.onEvent(event => {
      if (event.type === 'warning') this.#replies.warn(event.message);
    });
    return transport;
  }

  /** A connection of its own, for example for a consumer. Not connected yet. */
  open(use: 'read' | 'write'): Promise<Transport> {
    const conf = this.#conf;
    return openTransport(conf.get(use === 'read' ? 'broker_read_url' : 'broker_write_url'), {
      transportOptions: conf.get('broker_transport_options'),
      connectTimeout: conf.get('broker_connection_timeout'),
      useSsl: conf.get('broker_use_ssl'),
      failoverStrategy: conf.get('broker_failover_strategy') as FailoverStrategy | string | null,
      heartbeat: conf.get('broker_heartbeat'),
      loginMethod: conf.get('broker_login_method'),
      consumes: use === 'read',
    });
  }

  backend(): Promise<ResultBackend> {
    if (!this.#backend) {
      const opening = outside(() => this.#openBackend());
      this.#backend = opening;
      opening.catch(() => {
        if (this.#backend === opening) this.#backend = undefined;
      });
    }
    return this.#backend;
  }

  /**
   * What has to be waited for before a task is published whose result comes back here: with
   * `rpc://` somebody must be listening by then. Undefined when nothing has.
   */
  expectReply(): Promise<unknown> | undefined {
    if (this.#revision !== this.#conf.revision) {
      this.#answersSender = answersSender(this.#conf.get('result_backend') ?? '');
      this.#revision = this.#conf.revision;
    }
    return this.#answersSender ? this.backend().then(backend => backend.expect?.()) : undefined;
  }

  /**
   * Ends those who wait at once. Resolves when everything that was opened is closed, also what
   * an earlier call still closes. What is asked for after that opens it again.
   */
  close(): Promise<void> {
    const closing = this.#closing;
    this.#closing = new Closing();
    closing.close(new ConnectionClosed('The app was closed.'));
    if (this.#ending && !this.#transport && !this.#backend) return this.#ending;
    const ending = Promise.all([this.#ending, this.#closeOpened()]).then(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
    return ending;
  }

  async #closeOpened(): Promise<void> {
    const [transport, backend] = [this.#transport, this.#backend];
    this.#transport = undefined;
    this.#backend = undefined;
    await Promise.all([
      transport?.then(opened => opened.close()).catch(() => {}),
      backend?.then(opened => opened.stop()).catch(() => {}),
    ]);
  }

  #openBackend(): Promise<ResultBackend> {
    const conf = this.#conf;
    return openBackend(conf.get('result_backend') ?? 'disabled://', {
      expires: conf.get('result_expires'),
      transportOptions: conf.get('result_backend_transport_options'),
      extended: conf.get('result_extended'),
      serializer: conf.get('result_serializer'),
      accept: conf.get('result_accept_content') ?? conf.get('accept_content'),
      settings: conf.table({ withDefaults: true, censored: false }),
      messaging: {
        replyQueue: this.#replies.oid(),
        publishing: () => this.transport(),
        consuming: () => this.open('read'),
        warn: message => this.#replies.warn(message),
      },
    });
  }
}
