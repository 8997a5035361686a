/* The least that can be done with N consoles behind unix sockets: the floor of the benchmarks.
 *
 *   relay PREFIX N copy PORT       listens on 127.0.0.1:PORT; a viewer's first line is the number of a guest,
 *                                  from then on bytes are copied between him and PREFIXnumber
 *   relay PREFIX N capture LOG     is connected to all guests and writes what guest i says to LOGi
 *
 * One thread, one epoll, blocking writes: a viewer who does not read holds everybody up, nobody is asked who
 * he is, and nothing is kept for later. Ends with SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 512, CHUNK = 262144, NAME = 32 };

/* What is read on a descriptor goes to `other`; -1: its first line says where to. */
struct way {
  int open, other;
  size_t named;
  char name[NAME];
};

static struct way *ways;
static size_t most;
static int poller;
static const char *prefix;
static long guests;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int from, int to) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = from};
  if ((size_t)from >= most) die("too many descriptors");
  ways[from] = (struct way){.open = 1, .other = to};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, from, &event)) die("epoll_ctl");
}

static int guest(long number) {
  struct sockaddr_un place = {.sun_family = AF_UNIX};
  int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line < 0) die("socket");
  if ((size_t)snprintf(place.sun_path, sizeof place.sun_path, "%s%ld", prefix, number) >= sizeof place.sun_path)
    die(prefix);
  if (connect(line, (struct sockaddr *)&place, sizeof place)) die(place.sun_path);
  return line;
}

static int listener(int port) {
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int one = 1, line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(line, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (line < 0 || bind(line, (struct sockaddr *)&place, sizeof place) || listen(line, 512)) die("listen");
  return line;
}

static void viewer(int listening) {
  int one = 1, line = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
  if (line < 0) return;
  setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watch(line, -1);
}

static void over(int from) {
  int to = ways[from].other;
  ways[from].open = 0;
  close(from);
  /* A log goes on without its guest; of a viewer and his guest neither goes on alone. */
  if (to >= 0 && (size_t)to < most && ways[to].open) {
    ways[to].open = 0;
    close(to);
  }
}

/* Takes what belongs to the first line; returns how much of it that was. */
static size_t named(int from, const char *bytes, size_t count) {
  struct way *way = &ways[from];
  for (size_t at = 0; at < count; at++) {
    if (bytes[at] == '\n') {
      long number = strtol(way->name, NULL, 10);
      if (number < 0 || number >= guests) break;
      way->other = guest(number);
      watch(way->other, from);
      return at + 1;
    }
    if (way->named + 1 < NAME) way->name[way->named++] = bytes[at];
  }
  return count;
}

static void copy(int from) {
  static char bytes[CHUNK];
  size_t at = 0;
  ssize_t count = read(from, bytes, sizeof bytes);
  if (count <= 0) {
    over(from);
    return;
  }
  if (ways[from].other < 0) at = named(from, bytes, (size_t)count);
  while (at < (size_t)count) {
    ssize_t taken = write(ways[from].other, bytes + at, (size_t)count - at);
    if (taken <= 0) {
      over(from);
      return;
    }
    at += (size_t)taken;
  }
}

int main(int words, char **word) {
  struct epoll_event events[EVENTS];
  struct rlimit limit;
  int listening = -1;
  if (words != 5) {
    fprintf(stderr, "usage: relay PREFIX N copy PORT | relay PREFIX N capture LOG\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  prefix = word[1];
  guests = atol(word[2]);
  if (getrlimit(RLIMIT_NOFILE, &limit)) die("getrlimit");
  limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
  setrlimit(RLIMIT_NOFILE, &limit);
  most = limit.rlim_cur;
  ways = calloc(most, sizeof *ways);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!ways || poller < 0) die("start");
  if (strcmp(word[3], "copy") == 0) {
    listening = listener(atoi(word[4]));
    watch(listening, -1);
  } else {
    for (long number = 0; number < guests; number++) {
      char name[4096];
      snprintf(name, sizeof name, "%s%ld", word[4], number);
      int log = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (log < 0) die(name);
      watch(guest(number), log);
    }
  }
  for (;;) {
    int found = epoll_wait(poller, events, EVENTS, -1);
    for (int each = 0; each < found; each++) {
      int from = events[each].data.fd;
      if (from == listening) viewer(from);
      else if (ways[from].open) copy(from);
    }
  }
}
