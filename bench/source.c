/* N serial "guests", each behind a unix socket of its own, as a VMM offers a serial port.
 *
 *   source PREFIX N          guest i listens on PREFIXi
 *
 * Told on standard input, a line each; answers on standard output:
 *
 *   rate BYTES TICK GRAIN    every guest prints BYTES a second, a part of it each TICK milliseconds, at most
 *                            GRAIN bytes in one write: a UART hands over single bytes
 *   flood GUEST TOTAL        one guest prints TOTAL bytes as fast as they are taken
 *   stop                     nobody prints; what is typed is still echoed
 *   count                    -> printed P refused R typed T connected C done D
 *
 * A guest prints rows of 79 letters with a line end, and echoes what is typed as it comes. Bytes that a full
 * socket does not take are "refused": a real port would lose them or stop its guest. Guests print one after
 * another within a tick, as machines that know nothing of each other do. The end of input is the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROW = 81, PIECE = 65536, EVENTS = 512, LINE = 256, MAX_LATE_TICKS = 4 };
enum kind { LISTENER, GUEST, TIMER, COMMANDS };

struct guest {
  int listening, line;
  size_t column;    /* where in its row the next byte stands */
  double due;       /* bytes it should have printed by now, when it prints at a rate */
  long long left;   /* bytes still to print, when it floods */
};

static char rows[PIECE + ROW];
static struct guest *guests;
static long count;
static int poller, timer;
static double per_tick;
static long tick = 20, slot;
static size_t grain = PIECE;
static long long printed, refused, typed;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int fd, unsigned events, enum kind kind, long number, int operation) {
  struct epoll_event event = {.events = events};
  event.data.u64 = (unsigned long long)kind << 32 | (unsigned)number;
  if (epoll_ctl(poller, operation, fd, &event)) die("epoll_ctl");
}

/* Prints up to `wanted` bytes; returns how many were taken. */
static size_t print(struct guest *guest, size_t wanted) {
  size_t done = 0;
  while (done < wanted) {
    size_t piece = wanted - done < grain ? wanted - done : grain;
    ssize_t taken = write(guest->line, rows + guest->column, piece);
    if (taken <= 0) break;
    guest->column = (guest->column + taken) % ROW;
    printed += taken;
    done += taken;
  }
  return done;
}

static void hang_up(struct guest *guest) {
  if (guest->line >= 0) close(guest->line);
  guest->line = -1;
}

static void answer(long number) {
  struct guest *guest = &guests[number];
  int line = accept4(guest->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (line < 0) return;
  hang_up(guest);
  guest->line = line;
  watch(line, EPOLLIN | (guest->left ? EPOLLOUT : 0), GUEST, number, EPOLL_CTL_ADD);
}

static void serve(long number, unsigned events) {
  static char keys[4096];
  struct guest *guest = &guests[number];
  if (guest->line < 0) return;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    ssize_t got = read(guest->line, keys, sizeof keys);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
      hang_up(guest);
      return;
    }
    if (got > 0) {
      typed += got;
      ssize_t echoed = write(guest->line, keys, got);
      if (echoed < 0) echoed = 0;
      printed += echoed;
      refused += got - echoed;
    }
  }
  if (events & EPOLLOUT && guest->left) {
    /* One piece a turn: many guests flood side by side. */
    guest->left -= print(guest, guest->left < PIECE ? guest->left : PIECE);
    if (!guest->left) watch(guest->line, EPOLLIN, GUEST, number, EPOLL_CTL_MOD);
  }
}

/* The timer rings each millisecond; guest i prints in slot i % tick. */
static void pass_time(void) {
  unsigned long long rang;
  if (read(timer, &rang, sizeof rang) != sizeof rang) return;
  if (rang > (unsigned long long)(tick * MAX_LATE_TICKS)) rang = tick * MAX_LATE_TICKS;
  while (rang--) {
    slot = (slot + 1) % tick;
    for (long number = slot; number < count; number += tick) {
      struct guest *guest = &guests[number];
      if (guest->line < 0) continue;
      guest->due += per_tick;
      size_t wanted = (size_t)guest->due;
      guest->due -= wanted;
      refused += wanted - print(guest, wanted);
    }
  }
}

static void set_timer(long milliseconds) {
  struct timespec period = {.tv_nsec = milliseconds * 1000000};
  struct itimerspec setting = {.it_interval = period, .it_value = period};
  if (timerfd_settime(timer, 0, &setting, NULL)) die("timerfd_settime");
}

static void flood(long number, long long total) {
  struct guest *guest = &guests[number];
  if (guest->left == total) return;
  guest->left = total;
  if (guest->line >= 0) watch(guest->line, EPOLLIN | (total ? EPOLLOUT : 0), GUEST, number, EPOLL_CTL_MOD);
}

static void report(void) {
  long connected = 0, done = 0;
  for (long number = 0; number < count; number++) {
    connected += guests[number].line >= 0;
    done += !guests[number].left;
  }
  printf("printed %lld refused %lld typed %lld", printed, refused, typed);
  printf(" connected %ld done %ld\n", connected, done);
}

static void obey(const char *line) {
  long long total;
  double rate;
  long every, most, number;
  if (sscanf(line, "rate %lf %ld %ld", &rate, &every, &most) == 3 && every > 0 && most > 0 && most <= PIECE) {
    tick = every;
    grain = most;
    per_tick = rate * tick / 1000;
    set_timer(1);
  } else if (sscanf(line, "flood %ld %lld", &number, &total) == 2 && number >= 0 && number < count) {
    grain = PIECE;
    flood(number, total);
  } else if (!strcmp(line, "stop")) {
    set_timer(0);
    for (number = 0; number < count; number++) flood(number, 0);
  } else if (!strcmp(line, "count")) {
    report();
    return;
  } else {
    printf("expected rate, flood, stop or count, got: %s\n", line);
    exit(2);
  }
  printf("ok\n");
}

static void listen_for_commands(void) {
  static char text[LINE];
  static size_t filled;
  ssize_t got = read(STDIN_FILENO, text + filled, sizeof text - 1 - filled);
  if (got <= 0) exit(0);
  filled += got;
  text[filled] = 0;
  char *start = text, *end;
  while ((end = strchr(start, '\n'))) {
    *end = 0;
    obey(start);
    start = end + 1;
  }
  filled -= start - text;
  memmove(text, start, filled);
  if (filled == sizeof text - 1) exit(2);
}

static int listen_at(const char *prefix, long number) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int room = sizeof address.sun_path;
  if (snprintf(address.sun_path, room, "%s%ld", prefix, number) >= room) {
    fprintf(stderr, "%s: too long for a socket's name\n", prefix);
    exit(2);
  }
  unlink(address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (void *)&address, sizeof address) || listen(fd, 8)) die(address.sun_path);
  return fd;
}

int main(int words, char **word) {
  if (words != 3 || (count = atol(word[2])) < 1) {
    fprintf(stderr, "usage: source PREFIX N\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t at = 0; at < sizeof rows; at++)
    rows[at] = at % ROW == ROW - 1 ? '\n' : at % ROW == ROW - 2 ? '\r' : 'a' + at % ROW % 26;
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  poller = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  guests = calloc(count, sizeof *guests);
  if (poller < 0 || timer < 0 || !guests) die("start");
  for (long number = 0; number < count; number++) {
    guests[number].line = -1;
    guests[number].listening = listen_at(word[1], number);
    watch(guests[number].listening, EPOLLIN, LISTENER, number, EPOLL_CTL_ADD);
  }
  watch(timer, EPOLLIN, TIMER, 0, EPOLL_CTL_ADD);
  watch(STDIN_FILENO, EPOLLIN, COMMANDS, 0, EPOLL_CTL_ADD);
  printf("ready\n");
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, -1);
    for (int at = 0; at < ready; at++) {
      long number = (long)(events[at].data.u64 & 0xffffffff);
      switch ((enum kind)(events[at].data.u64 >> 32)) {
        case LISTENER: answer(number); break;
        case GUEST: serve(number, events[at].events); break;
        case TIMER: pass_time(); break;
        case COMMANDS: listen_for_commands(); break;
      }
    }
  }
}
