/** What `tscelery multi` says about itself. */

export const USAGE = `\
usage: tscelery multi start <node1 node2 nodeN|range> [worker options]
       tscelery multi stop <n1 n2 nN|range> [-SIG (default: -TERM)]
       tscelery multi stopwait <n1 n2 nN|range> [-SIG (default: -TERM)]
       tscelery multi restart <n1 n2 nN|range> [-SIG] [worker options]
       tscelery multi kill <n1 n2 nN|range>

       tscelery multi show <n1 n2 nN|range> [worker options]
       tscelery multi get hostname <n1 n2 nN|range> [worker options]
       tscelery multi names <n1 n2 nN|range>
       tscelery multi expand template <n1 n2 nN|range>
       tscelery multi help

additional options:

    * --nosplash:   Don't display program info.
    * --quiet:      Don't show as much output.
    * --verbose:    Show more output.
    * --no-color:   Don't display colors.
`;

export const HELP = `\
Starts, stops and restarts many workers of one machine in the background.

A worker that is started by multi is told its name, its pidfile and its log, and is found by its
pidfile later: stop, stopwait, restart and kill need the same nodes and the same --pidfile as start.

  Which nodes
    tscelery -A proj multi start 3 -c 3                      celery1@HOST celery2@HOST celery3@HOST
    tscelery -A proj multi start 3 --range-prefix=worker     worker1@HOST worker2@HOST worker3@HOST
    tscelery -A proj multi start image video data            image@HOST video@HOST data@HOST
    tscelery -A proj multi start 2 --hostname=a.example.com  celery1@a.example.com celery2@a.example.com
    tscelery -A proj multi start foo@b.example.com bar@%h    foo@b.example.com bar@HOST

  Options of the workers, for all or for some of them
    start 10 -l INFO -Q default -Q:1-3 images,video -Q:4,5 data -l:4,5 DEBUG
    start image video data -c 3 -c:image 10                  by name
    start image video data -c 3 -c:1 10                      by place in the list, from 1
    start 5 -c 3 -c:1-3 10                                   the first three
    start foo bar baz xuzzy -c 3 -c:foo,bar,baz 10           three of them
    start 2 --time-limit:2=300                               long options have their value after "="
    start 2 -c 3 -- worker.prefetch_multiplier=1             what follows -- goes to every worker

  Files: %n is a node's name up to "@", %p and %h all of it, %d its host; %i and %I are the number of
  the pool's child. Folders that are not there are made by start and restart.
    tscelery -A proj multi start w1 w2 --pidfile=/run/shop/%n.pid --logfile=/var/log/shop/%n%I.log
    tscelery -A proj multi restart w1 w2 --pidfile=/run/shop/%n.pid --logfile=/var/log/shop/%n%I.log
    tscelery multi stopwait w1 w2 --pidfile=/run/shop/%n.pid

  Without doing anything
    show 3 -c 3                  the command lines
    get celery2@HOST 3 -c 3      that of one node, without the program
    names 3                      the nodes
    expand '%n at %d' 3          a text for each node

  stop sends TERM, or another signal (-QUIT, -9), and returns; stopwait returns when all have ended;
  kill sends KILL. A node that does not run is DOWN, which is no failure. The exit code is 1 when a
  node could not be started, or not be told to stop.
`;
