/**
 * How many messages a RabbitMQ queue has, those that consumers hold included.
 *
 * AMQP only tells those that wait, the management plugin tells both every few seconds. So a
 * few lines of Erlang run in the node and answer over a socket: one question to the queue's
 * process each time, as a passive declaration would be.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';

/** For one connection: a line with the name of a queue is answered with a line with its count. */
const SERVER = `
  Asker = self(),
  spawn(fun() ->
    Options = [binary, {packet, line}, {active, false}, {nodelay, true}, {ip, {127, 0, 0, 1}}],
    {ok, Listener} = gen_tcp:listen(0, Options),
    {ok, Port} = inet:port(Listener),
    Asker ! {gauge, Port},
    {ok, Socket} = gen_tcp:accept(Listener),
    Count = fun(Name) ->
      case rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, Name)) of
        {ok, Queue} -> proplists:get_value(messages, rabbit_amqqueue:info(Queue, [messages]));
        _ -> 0
      end
    end,
    Serve = fun Serve() ->
      case gen_tcp:recv(Socket, 0) of
        {ok, Line} ->
          ok = gen_tcp:send(Socket, [integer_to_list(Count(string:trim(Line))), 10]),
          Serve();
        _ -> closed
      end
    end,
    Serve()
  end),
  receive {gauge, Port} -> Port after 5000 -> failed end.`;

export class QueueGauge {
  readonly #socket: Socket;
  /** Answers come in the order of the questions. */
  readonly #waiting: Deferred<number>[] = [];

  /** @param evaluate runs Erlang in the node and returns what it says */
  static async open(evaluate: (code: string) => Promise<string>): Promise<QueueGauge> {
    const port = Number(await evaluate(SERVER));
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new QueueGauge(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = createInterface({ input: socket });
    lines.on('line', line => this.#waiting.shift()?.resolve(Number(line)));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting) reject(new Error('the RabbitMQ node has ended'));
    });
  }

  /** 0 for a queue that does not exist. */
  count(queue: string): Promise<number> {
    const answer = deferred<number>();
    this.#waiting.push(answer);
    this.#socket.write(`${queue}\n`);
    return answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}
