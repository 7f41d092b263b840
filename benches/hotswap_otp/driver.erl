%% Sends numbered messages at a rate through `counter` to a sink, changes the counter's code again and again, and prints
%% how long it stood still each time, in nanoseconds: from the moment it is known to be suspended to its resumption.
-module(driver).
-export([main/1]).

main([Folder, Swaps, Rate, Way]) ->
    Driver = self(),
    Sink = spawn_link(fun() -> sink(0, 0, 0) end),
    {ok, Server} = gen_server:start_link(counter, Sink, []),
    Source = spawn_link(fun() -> source(Driver, Server, list_to_integer(Rate), erlang:monotonic_time(microsecond), 0) end),
    Codes = {code(Folder, "1"), code(Folder, "2")},
    timer:sleep(200),
    Pauses = [begin
        timer:sleep(5),
        swap(list_to_atom(Way), Server, element(1 + Swap rem 2, Codes))
    end || Swap <- lists:seq(1, list_to_integer(Swaps))],
    [io:format("~w~n", [Pause]) || Pause <- Pauses],
    Source ! stop,
    Sent = receive {sent, Count} -> Count end,
    Sent = gen_server:call(Server, count, infinity),
    Sink ! {tell, self()},
    receive {seen, Seen, Wrong, Version} ->
        io:format("~w messages, ~w lost, ~w out of order, version ~w~n", [Seen, Sent - Seen, Wrong, Version])
    end,
    halt(0).

code(Folder, Version) ->
    File = filename:join([Folder, Version, "counter.beam"]),
    {ok, Code} = file:read_file(File),
    {File, Code}.

swap(prepared, Server, {File, Code}) ->
    code:purge(counter),
    {ok, Ready} = code:prepare_loading([{counter, File, Code}]),
    ok = sys:suspend(Server, infinity),
    Began = erlang:monotonic_time(nanosecond),
    ok = code:finish_loading(Ready),
    ok = sys:change_code(Server, counter, undefined, [], infinity),
    ok = sys:resume(Server, infinity),
    erlang:monotonic_time(nanosecond) - Began;
swap(handler, Server, {File, Code}) ->
    ok = sys:suspend(Server, infinity),
    Began = erlang:monotonic_time(nanosecond),
    code:purge(counter),
    {module, counter} = code:load_binary(counter, File, Code),
    ok = sys:change_code(Server, counter, undefined, [], infinity),
    ok = sys:resume(Server, infinity),
    erlang:monotonic_time(nanosecond) - Began.

%% As many messages as are due, then a moment's rest.
source(Driver, Server, Rate, Began, Sent) ->
    receive stop -> Driver ! {sent, Sent}
    after 1 ->
        Due = (erlang:monotonic_time(microsecond) - Began) * Rate div 1000000,
        [gen_server:cast(Server, {Id, Id rem 16, 0, <<>>}) || Id <- lists:seq(Sent + 1, Due)],
        source(Driver, Server, Rate, Began, max(Sent, Due))
    end.

sink(Seen, Wrong, Version) ->
    receive
        {Id, _Key, Now, _Payload} ->
            sink(Seen + 1, Wrong + (if Id =:= Seen + 1 -> 0; true -> 1 end), Now);
        {tell, To} -> To ! {seen, Seen, Wrong, Version}
    end.
