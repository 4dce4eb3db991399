/*
 * Sends whole conversations (HTTP, TLS records, DNS, small TCP messages) with payloads of mixed sizes at a given rate. Many are under way at
 * once, each has a client address and port of its own, sequence numbers and checksums are right, so that an IDS reassembles and inspects them
 * as it would on a node. Both directions are sent from this side: the other end only has to capture.
 *
 *   flows INTERFACE DESTINATION-MAC PACKETS-PER-SECOND SECONDS FIRST-CLIENT
 *
 * Prints the packets sent and refused, their bytes, the seconds it took, and how many conversations began.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TEMPLATES 1024
#define ACTIVE 512
#define BATCH 32
#define SEGMENT 1400

struct packet {
  uint16_t length, offset; /* offset of the transport header */
  uint8_t from_client, is_udp;
  uint32_t ip_sum, l4_sum; /* without the client's address and port */
  uint8_t *bytes;
};
struct conversation {
  int count, room;
  struct packet *packets;
  uint32_t seq[2], server;
  uint16_t port;
};
struct live {
  const struct conversation *is;
  int next;
  uint32_t client;
  uint16_t port;
};

static uint64_t state = 88172645463325252ULL;
static uint32_t chance(uint32_t below) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)(state >> 32) % below;
}

static uint8_t to_mac[6];
static uint32_t sum16(const uint8_t *bytes, int length) {
  uint32_t sum = 0;
  for (int i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return length % 2 ? sum + ((uint32_t)bytes[length - 1] << 8) : sum;
}
static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}
static void put16(uint8_t *at, uint32_t value) { at[0] = value >> 8, at[1] = value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }

static void add(struct conversation *to, int from_client, int is_udp, int flags, const char *payload, int length) {
  if (to->count == to->room) to->packets = realloc(to->packets, (to->room = to->room ? to->room * 2 : 16) * sizeof(struct packet));
  struct packet *one = &to->packets[to->count++];
  int header = is_udp ? 8 : 20, total = 20 + header + length;
  uint8_t *bytes = calloc(1, 14 + total), *ip = bytes + 14, *l4 = ip + 20;
  memcpy(bytes, to_mac, 6);
  memcpy(bytes + 6, "\x02\x53\x4b\x00\x00\x01", 6);
  put16(bytes + 12, ETH_P_IP);
  ip[0] = 0x45, ip[6] = 0x40, ip[8] = 63, ip[9] = is_udp ? 17 : 6;
  put16(ip + 2, total);
  put32(ip + (from_client ? 16 : 12), to->server);
  put16(l4 + (from_client ? 2 : 0), to->port);
  if (is_udp) put16(l4 + 4, 8 + length);
  else {
    put32(l4 + 4, to->seq[!from_client]);
    put32(l4 + 8, flags == 2 ? 0 : to->seq[from_client]);
    l4[12] = 0x50, l4[13] = flags;
    put16(l4 + 14, 64240);
    to->seq[!from_client] += length + (flags & 3 ? 1 : 0);
  }
  memcpy(l4 + header, payload, length);
  *one = (struct packet){14 + total, 34, from_client, is_udp, sum16(ip, 20),
                         sum16(l4, header + length) + sum16(ip + 12, 8) + ip[9] + header + length, bytes};
}

static const char *words[] = {"index", "cart", "login", "image", "news", "orders", "static", "api", "search", "user", "report", "data", "list", "view"};
static const char *word(void) { return words[chance(sizeof words / sizeof *words)]; }
static char text[70000];
/* Prose or, for TLS, noise. */
static int fill(char *at, int length, int noise) {
  int used = 0;
  while (used < length) {
    if (noise) at[used++] = (char)chance(256);
    else used += snprintf(at + used, 70000 - used, "%s %u ", word(), chance(100000));
  }
  return length;
}
static void stream(struct conversation *to, int from_client, const char *bytes, int length) {
  for (int sent = 0, i = 0; sent < length; sent += SEGMENT, i++) {
    add(to, from_client, 0, 0x18, bytes + sent, length - sent < SEGMENT ? length - sent : SEGMENT);
    if (i % 2) add(to, !from_client, 0, 0x10, "", 0);
  }
  add(to, !from_client, 0, 0x10, "", 0);
}

static void build(struct conversation *to) {
  uint32_t kind = chance(10);
  to->server = 0xcb000000 | chance(1 << 20); /* 203.0.0.0/12: outside, by every configuration's measure */
  if (kind < 2) { /* DNS */
    to->port = 53;
    char query[300] = {0};
    uint16_t id = chance(65536);
    put16((uint8_t *)query, id), query[2] = 1, query[5] = 1;
    int length = 12 + sprintf(query + 12, "%c%s%c%s%u%c%s", 3, "www", 10, "example", 100 + chance(900), 3, "org") + 1;
    memcpy(query + length, "\0\1\0\1", 4), length += 4;
    add(to, 1, 1, 0, query, length);
    query[2] = (char)0x81, query[3] = (char)0x80, query[7] = 1;
    memcpy(query + length, "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\x0a\1\2\3", 16);
    add(to, 0, 1, 0, query, length + 16);
    return;
  }
  to->port = kind < 6 ? 80 : kind < 9 ? 443 : 6379;
  to->seq[0] = chance(1 << 30), to->seq[1] = chance(1 << 30);
  add(to, 1, 0, 2, "", 0), add(to, 0, 0, 0x12, "", 0), add(to, 1, 0, 0x10, "", 0);
  if (kind < 6) {
    for (int requests = 1 + chance(3); requests > 0; requests--) {
      int length = sprintf(text, "GET /%s/%s?%s=%u HTTP/1.1\r\nHost: %s.example.org\r\nUser-Agent: bench/1.0 (%s)\r\nCookie: %s=", word(), word(), word(), chance(1u << 30), word(), word(), word());
      length += fill(text + length, 40 + chance(600), 0);
      length += sprintf(text + length, "\r\nAccept: */*\r\n\r\n");
      stream(to, 1, text, length);
      int body = chance(4) ? 200 + chance(4000) : 8000 + chance(24000);
      length = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n", body);
      fill(text + length, body, 0);
      stream(to, 0, text, length + body);
    }
  } else if (kind < 9) {
    for (int records = 2 + chance(6), i = 0; i < records; i++) {
      int length = 5 + 100 + chance(i % 2 ? 8000 : 900);
      fill(text + 5, length - 5, 1);
      memcpy(text, "\x17\x03\x03", 3);
      put16((uint8_t *)text + 3, length - 5);
      stream(to, i % 2 == 0, text, length);
    }
  } else
    for (int i = 0, messages = 4 + chance(30); i < messages; i++) stream(to, i % 2 == 0, text, fill(text, 10 + chance(200), 0));
  add(to, 1, 0, 0x11, "", 0), add(to, 0, 0, 0x11, "", 0), add(to, 1, 0, 0x10, "", 0);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "usage: flows INTERFACE MAC RATE SECONDS FIRST-CLIENT\n"), 2;
  if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to_mac, to_mac + 1, to_mac + 2, to_mac + 3, to_mac + 4, to_mac + 5) != 6) return 2;
  double rate = atof(argv[3]), seconds = atof(argv[4]);
  uint32_t clients = (uint32_t)atoll(argv[5]), begun = 0;
  static struct conversation all[TEMPLATES];
  for (int i = 0; i < TEMPLATES; i++) build(&all[i]);
  int wire = socket(AF_PACKET, SOCK_RAW, 0), yes = 1;
  if (wire < 0) return perror("socket"), 1;
  setsockopt(wire, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
  struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1]), .sll_halen = 6};
  static struct live active[ACTIVE];
  static uint8_t slots[BATCH][1600];
  struct mmsghdr messages[BATCH] = {0};
  struct iovec parts[BATCH];
  uint64_t sent = 0, refused = 0, bytes = 0;
  int turn = 0;
  double begin = now(), end = begin + seconds, at = begin;
  while (at < end) {
    double due = (at - begin) * rate - (double)(sent + refused);
    if (due < BATCH) {
      struct timespec nap = {0, 50000};
      if ((BATCH - due) / rate > 0.0002) nanosleep(&nap, NULL);
      at = now();
      continue;
    }
    for (int i = 0; i < BATCH; i++) {
      struct live *one = &active[turn];
      turn = (turn + 1) % ACTIVE;
      if (one->is == NULL || one->next == one->is->count) {
        /* 10.64.0.0/10: a new client for each conversation. */
        uint32_t id = clients + begun++;
        *one = (struct live){&all[id * 2654435761u % TEMPLATES], 0, 0x0a400000 | (id & 0x3fffff), 1024 + id % 60000};
      }
      const struct packet *p = &one->is->packets[one->next++];
      uint8_t *slot = slots[i], *ip = slot + 14, *l4 = slot + p->offset;
      memcpy(slot, p->bytes, p->length);
      uint32_t address = (one->client >> 16) + (one->client & 0xffff);
      put32(ip + (p->from_client ? 12 : 16), one->client);
      put16(l4 + (p->from_client ? 0 : 2), one->port);
      put16(ip + 10, fold(p->ip_sum + address));
      put16(l4 + (p->is_udp ? 6 : 16), fold(p->l4_sum + address + one->port));
      parts[i] = (struct iovec){slot, p->length};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &where, .msg_namelen = sizeof where, .msg_iov = &parts[i], .msg_iovlen = 1};
      bytes += p->length;
    }
    for (int done = 0; done < BATCH;) {
      int n = sendmmsg(wire, messages + done, BATCH - done, 0);
      if (n > 0) sent += n, done += n;
      else if (errno == ENOBUFS || errno == EAGAIN) refused++, done++;
      else return perror("sendmmsg"), 1;
    }
    at = now();
  }
  printf("{\"sent\":%lu,\"refused\":%lu,\"bytes\":%lu,\"seconds\":%.3f,\"conversations\":%u}\n", sent, refused, bytes, at - begin, begun);
  return 0;
}
