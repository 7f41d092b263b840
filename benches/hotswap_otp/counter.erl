%% A server that numbers what passes and sends it on; its state goes along when its code is changed.
-module(counter).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2, code_change/3]).
-vsn(?VERSION).

init(Sink) -> {ok, {0, Sink}}.

handle_call(count, _From, {Count, _} = State) -> {reply, Count, State}.

handle_cast({Id, Key, _Kind, _Payload}, {Count, Sink}) ->
    Sink ! {Id, Key, ?VERSION, <<(Count + 1):64/little>>},
    {noreply, {Count + 1, Sink}}.

code_change(_Old, State, _Extra) -> {ok, State}.
