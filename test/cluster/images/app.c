/*
 * The web application behind the WAF in tests: answers every request with what it saw (request line, headers, body) and writes one line
 * for each to stdout, so that a log shows which requests came through. One process a connection; keep-alive; bodies by length or chunks.
 *
 *   app serve [PORT [ADDRESS]]   app slow [PORT]   app fail
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD_LIMIT 65536
#define ECHO_LIMIT 16384

static int grace; /* seconds between TERM and the end */

static void on_term(int sig) { (void)sig; sleep(grace); _exit(0); }
static void on_child(int sig) { (void)sig; while (waitpid(-1, 0, WNOHANG) > 0) {} }

/* The value of a header, or 0. `head` holds lines ended by CRLF. */
static const char *header(const char *head, const char *name) {
  size_t length = strlen(name);
  for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':') {
      const char *value = line + 3 + length;
      while (*value == ' ') value++;
      return value;
    }
  return 0;
}

/* Reads and drops `count` bytes of the body, keeping the first in `kept`. */
static int take(FILE *in, long count, char *kept, size_t *used) {
  for (int c; count > 0; count--) {
    if ((c = getc(in)) == EOF) return -1;
    if (*used < ECHO_LIMIT) kept[(*used)++] = (char)c;
  }
  return 0;
}

static int body(FILE *in, const char *head, char *kept, size_t *used) {
  const char *coding = header(head, "transfer-encoding"), *length = header(head, "content-length");
  char line[256];
  if (coding && !strncasecmp(coding, "chunked", 7)) {
    for (;;) {
      if (!fgets(line, sizeof line, in)) return -1;
      long size = strtol(line, 0, 16);
      if (size == 0) break;
      if (take(in, size, kept, used) || !fgets(line, sizeof line, in)) return -1;
    }
    while (fgets(line, sizeof line, in) && strcmp(line, "\r\n")) {}
    return 0;
  }
  return length ? take(in, atol(length), kept, used) : 0;
}

static void serve(int socket) {
  FILE *in = fdopen(socket, "r"), *out = fdopen(dup(socket), "w");
  static char head[HEAD_LIMIT], kept[ECHO_LIMIT];
  for (;;) {
    size_t length = 0, used = 0;
    while (length + 1024 < sizeof head && fgets(head + length, 1024, in)) {
      length += strlen(head + length);
      if (length >= 4 && !strcmp(head + length - 4, "\r\n\r\n")) break;
    }
    if (length < 4 || strcmp(head + length - 4, "\r\n\r\n")) return;
    const char *expect = header(head, "expect");
    if (expect && !strncasecmp(expect, "100-continue", 12)) { fputs("HTTP/1.1 100 Continue\r\n\r\n", out); fflush(out); }
    if (body(in, head, kept, &used)) return;
    int first = (int)strcspn(head, "\r");
    printf("%.*s\n", first, head);
    fflush(stdout);
    const char *connection = header(head, "connection");
    int last = (connection && !strncasecmp(connection, "close", 5)) || !strstr(head, "HTTP/1.1\r\n");
    int empty = !strncmp(head, "HEAD ", 5);
    fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n", length + used,
            last ? "close" : "keep-alive");
    if (!empty) { fwrite(head, 1, length, out); fwrite(kept, 1, used, out); }
    if (fflush(out) || last) return;
  }
}

int main(int count, char **args) {
  const char *what = count > 1 ? args[1] : "serve";
  if (!strcmp(what, "fail")) {
    puts("cannot start: told to fail");
    return 1;
  }
  grace = strcmp(what, "slow") ? 0 : 3;
  int port = count > 2 ? atoi(args[2]) : 8080, yes = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  inet_pton(AF_INET, count > 3 ? args[3] : "0.0.0.0", &at.sin_addr);
  signal(SIGTERM, on_term);
  signal(SIGINT, on_term);
  signal(SIGPIPE, SIG_IGN);
  struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_RESTART};
  sigaction(SIGCHLD, &child, 0);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 128)) {
    perror("cannot listen");
    return 1;
  }
  printf("listening on %d\n", port);
  fflush(stdout);
  for (;;) {
    int connection = accept(server, 0, 0);
    if (connection < 0) continue;
    if (fork() == 0) {
      grace = 0;
      close(server);
      serve(connection);
      _exit(0);
    }
    close(connection);
  }
}
