/**
 * Erlang in a RabbitMQ node without `rabbitmqctl`, each call of which boots a virtual machine of
 * its own: the node evaluates what it is sent on a private port.
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';

/**
 * Expressions for `file:eval`: one request (four bytes of length, then expressions) for each
 * connection, answered with `+` and the value or `-` and the error.
 */
export const consoleProgram = (port: number) => `
{ok, Listening} = gen_tcp:listen(${port},
  [binary, {packet, 4}, {active, false}, {ip, {127, 0, 0, 1}}, {reuseaddr, true}]).
Evaluate = fun(Code) ->
  {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Code)),
  {ok, Expressions} = erl_parse:parse_exprs(Tokens),
  case erl_eval:exprs(Expressions, []) of
    {value, Text, _} when is_binary(Text) -> Text;
    {value, Value, _} -> unicode:characters_to_binary(io_lib:format("~0tp", [Value]))
  end
end.
Answer = fun(Code) ->
  try <<"+", (Evaluate(Code))/binary>>
  catch Class:Error -> unicode:characters_to_binary(io_lib:format("-~0tp", [{Class, Error}]))
  end
end.
Serve = fun Serve() ->
  {ok, Socket} = gen_tcp:accept(Listening),
  case gen_tcp:recv(Socket, 0) of
    {ok, Code} -> gen_tcp:send(Socket, Answer(Code));
    _ -> ok
  end,
  gen_tcp:close(Socket),
  Serve()
end.
gen_tcp:controlling_process(Listening, spawn(Serve)).
`;

/** The value as Erlang prints it, a binary as it is. Rejects when nobody listens or it fails. */
export async function evaluate(port: number, code: string): Promise<string> {
  const request = Buffer.from(code);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(request.length);
  const socket = createConnection({ port, host: '127.0.0.1' });
  const parts: Buffer[] = [];
  socket.on('data', part => parts.push(part)).write(Buffer.concat([length, request]));
  await once(socket, 'end');
  const answer = Buffer.concat(parts).subarray(4).toString();
  if (!answer.startsWith('+')) throw new Error(`${code}\n${answer.slice(1) || 'no answer'}`);
  return answer.slice(1);
}
