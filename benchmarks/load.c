/* A fleet of Jimi terminals on loopback: logs all of them in, keeps reports in flight, measures the server.
 *
 *     load --port N [--connections N] [--window N] [--rate N] [--seconds N] [--pid N] [--first N] [--answered FILE]
 *
 * Every terminal has its own connection and its own IMEI: 863, then its number in twelve digits; the numbers begin
 * with FIRST. Once all are logged in it prints "ready" and the time starts: each keeps WINDOW location reports (at
 * most 32) unanswered for SECONDS. What is then in flight may still be answered, beyond the measured time. With a
 * window of 0 the terminals stay idle. It ends early when no connection is left.
 *
 * --rate N offers N reports a second instead, by the terminals in turn: each report has its moment, whether or not those
 * before it were answered, and its latency counts from that moment. One that finds WINDOW reports of its terminal
 * unanswered waits, and those behind it.
 *
 * --answered FILE gets every answered report: two 32-bit integers of this machine, terminal number and serial number.
 *
 * The last line is a JSON object: answered, per second and latency of the measured time, the CPU time of the process
 * PID (all threads, user and system) and its resident memory before the first login and at the end of that time;
 * then of the whole run what was sent and answered, answers that nobody waited for, and connections that were lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "jimi.h"

enum {
    MOST_IN_FLIGHT = 32,
    SLOTS = 64,             /* of sent reports by serial number; more than can be in flight */
    ROOM = 2 * LARGEST,
    EVENTS = 512,
    UNANSWERED_LOGINS = 300, /* at once, so that no backlog overflows */
    PER_ADDRESS = 5000,      /* connections from one source address: a port range is smaller than a fleet */
};

static const double LOGIN_SECONDS = 60, DRAIN_SECONDS = 10;

struct terminal {
    int socket; /* -1: not open, or lost */
    uint32_t number;
    uint16_t serial; /* of the next frame */
    uint16_t in_flight;
    int logged_in;
    size_t kept;
    uint8_t input[ROOM];
    struct {
        int waiting;
        uint16_t serial;
        int64_t sent;
    } slots[SLOTS];
};

static struct {
    int port, connections, window, pid;
    double seconds, rate;
    uint32_t first;
    const char *answered;
} want = {.connections = 2000, .window = 1, .seconds = 5, .first = 1};

static struct {
    long logged_in, lost, sent, answered, unexpected, in_flight, offered;
} total;

static struct terminal *fleet;
static int poller, opened, sending;
static FILE *answered_file;

/* -- time and latency ------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Latencies in buckets of nanoseconds that grow by a 64th: below 64 exact, then 64 buckets for each power of two. */
static long histogram[60 * 64], measured;

static void note_latency(int64_t took)
{
    int shift = took < 64 ? 0 : 63 - __builtin_clzll((unsigned long long)took) - 6;
    histogram[(shift ? (shift + 1) * 64 : 0) + (int)(took >> shift) - (shift ? 64 : 0)]++;
    measured++;
}

/* The latency in microseconds below which this part of all answers came. */
static double latency(double part)
{
    double needed = part * (double)measured, seen = 0;
    for (int bucket = 0; bucket < 60 * 64 && measured; bucket++) {
        seen += (double)histogram[bucket];
        if (seen >= needed) {
            int shift = bucket < 64 ? 0 : bucket / 64 - 1;
            int64_t start = shift ? (int64_t)(bucket % 64 + 64) << shift : bucket;
            return (double)(start + ((1LL << shift) >> 1)) / 1e3;
        }
    }
    return 0;
}

/* -- the server, as /proc tells of it --------------------------------------------------------------------------- */

/* CPU seconds of all its threads; 0 for a process that is gone. */
static double server_cpu(void)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", want.pid);
    FILE *file = want.pid ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!name_end || sscanf(name_end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Resident memory in KB; 0 for a process that is gone. */
static long server_memory(void)
{
    char path[64], line[256];
    long resident = 0;
    snprintf(path, sizeof path, "/proc/%d/status", want.pid);
    FILE *file = want.pid ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "VmRSS: %ld", &resident) != 1)
        ;
    fclose(file);
    return resident;
}

/* -- one terminal ----------------------------------------------------------------------------------------------- */

static void lose(struct terminal *terminal)
{
    if (terminal->socket < 0)
        return;
    close(terminal->socket);
    terminal->socket = -1;
    total.lost++;
    total.in_flight -= terminal->in_flight;
    terminal->in_flight = 0;
}

static int put(struct terminal *terminal, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t sent = send(terminal->socket, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd writable = {.fd = terminal->socket, .events = POLLOUT};
            if (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, 1000) > 0))
                continue;
            lose(terminal);
            return 0;
        }
        data += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static void log_in(struct terminal *terminal)
{
    uint8_t frame[LARGEST], content[12] = {[8] = 0x42, 0x70, 0x32, 0x00}; /* type and branch; +08:00, English */
    char digits[17];
    snprintf(digits, sizeof digits, "0863%012u", terminal->number);
    for (int i = 0; i < 8; i++)
        content[i] = (uint8_t)((digits[2 * i] - '0') << 4 | (digits[2 * i + 1] - '0'));
    put(terminal, frame, make_frame(frame, LOGIN, content, sizeof content, terminal->serial++));
}

/* A location near Shenzhen, now; no two reports of a terminal are the same. */
static size_t make_report(uint8_t *to, struct terminal *terminal)
{
    static uint8_t content[] = {
        0, 0, 0, 0, 0, 0,                   /* 0: time, UTC */
        0xCF,                               /* 6: fifteen satellites */
        0x02, 0x6C, 0x15, 0x93,             /* 7: latitude */
        0x0C, 0x39, 0x8A, 0x10,             /* 11: longitude */
        0x20, 0x14, 0x8C,                   /* 15: speed; fixed, north, east, course */
        0x01, 0xCC, 0x00, 0x77, 0x06, 0x07, 0x76, 0xA4, /* 18: cell */
        0x01, 0x0E, 0x00,                   /* 26: ACC, upload mode, real time */
        0, 0, 0, 0,                         /* 29: mileage */
    };
    static time_t shown;
    time_t now = time(NULL);
    if (now != shown) {
        struct tm utc;
        gmtime_r(&now, &utc);
        const int parts[] = {utc.tm_year - 100, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec};
        for (int i = 0; i < 6; i++)
            content[i] = (uint8_t)parts[i];
        shown = now;
    }
    put16(content + 9, terminal->serial);
    put16(content + 13, terminal->number);
    put16(content + 31, terminal->serial);
    return make_frame(to, LOCATION, content, sizeof content, terminal->serial++);
}

/* Write the next report of a terminal, if it may have another one unanswered; the size, 0 for none. */
static size_t next_report(uint8_t *to, struct terminal *terminal, int64_t moment)
{
    typeof(terminal->slots[0]) *slot = &terminal->slots[terminal->serial % SLOTS];
    if (terminal->in_flight >= want.window || slot->waiting) /* an older one is not answered, though later ones are */
        return 0;
    slot->waiting = 1;
    slot->serial = terminal->serial;
    slot->sent = moment;
    terminal->in_flight++;
    total.in_flight++;
    total.sent++;
    return make_report(to, terminal);
}

static void fill_window(struct terminal *terminal)
{
    uint8_t frames[MOST_IN_FLIGHT * (33 + SMALLEST)];
    size_t size = 0, more;
    int64_t now = nanoseconds();
    while ((more = next_report(frames + size, terminal, now)) > 0)
        size += more;
    if (size)
        put(terminal, frames, size);
}

/* Send the reports whose moment has come. */
static void offer(int64_t start)
{
    uint8_t frame[LARGEST];
    int64_t now = nanoseconds(), moment;
    while ((moment = start + (int64_t)((double)total.offered * 1e9 / want.rate)) <= now) {
        struct terminal *terminal = &fleet[total.offered % opened];
        if (terminal->socket >= 0) {
            size_t size = next_report(frame, terminal, moment);
            if (!size)
                break;
            put(terminal, frame, size);
        }
        total.offered++;
    }
}

static void take_answer(struct terminal *terminal, uint8_t protocol, uint16_t serial, int64_t now)
{
    typeof(terminal->slots[0]) *slot = &terminal->slots[serial % SLOTS];
    if (protocol == LOGIN && !terminal->logged_in) {
        terminal->logged_in = 1;
        total.logged_in++;
    } else if (protocol == LOCATION && slot->waiting && slot->serial == serial) {
        slot->waiting = 0;
        terminal->in_flight--;
        total.in_flight--;
        total.answered++;
        if (sending)
            note_latency(now - slot->sent);
        if (answered_file) {
            const uint32_t record[2] = {terminal->number, serial};
            fwrite(record, sizeof record, 1, answered_file);
        }
    } else {
        total.unexpected++;
    }
}

static void hear(struct terminal *terminal)
{
    ssize_t got = recv(terminal->socket, terminal->input + terminal->kept, ROOM - terminal->kept, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            lose(terminal);
        return;
    }
    size_t size = terminal->kept + (size_t)got, at = 0;
    int64_t now = nanoseconds();
    while (at < size) {
        const uint8_t *frame = terminal->input + at;
        int whole = frame_at(frame, size - at);
        if (whole == 0)
            break;
        if (whole < 0) { /* no server may send that: count it, and go on with the next byte */
            total.unexpected++;
            at++;
            continue;
        }
        take_answer(terminal, frame[3], (uint16_t)get16(frame + whole - TAIL), now);
        at += (size_t)whole;
    }
    terminal->kept = size - at;
    memmove(terminal->input, terminal->input + at, terminal->kept);
    if (sending && !want.rate && terminal->in_flight <= want.window / 2)
        fill_window(terminal);
}

/* -- the fleet -------------------------------------------------------------------------------------------------- */

/* Connect the next terminal and send its login; false where the server lets nobody in. */
static int open_next(void)
{
    struct terminal *terminal = &fleet[opened];
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port)}, here = there;
    int one = 1;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here.sin_addr.s_addr = htonl(0x7F000101U + (unsigned)(opened / PER_ADDRESS));
    here.sin_port = 0;
    terminal->number = want.first + (uint32_t)opened;
    terminal->serial = 1;
    terminal->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (terminal->socket < 0) {
        perror("load: socket");
        exit(1);
    }
    opened++;
    /* The port is chosen by connect(), which knows both ends, so that each source address has all ports. */
    setsockopt(terminal->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(terminal->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(terminal->socket, (void *)&here, sizeof here) || connect(terminal->socket, (void *)&there, sizeof there)) {
        lose(terminal);
        return 0;
    }
    fcntl(terminal->socket, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = terminal};
    epoll_ctl(poller, EPOLL_CTL_ADD, terminal->socket, &event);
    log_in(terminal);
    return 1;
}

static void hear_all(void)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, sending && want.rate ? 1 : 10);
    for (int i = 0; i < count; i++)
        hear(events[i].data.ptr);
}

/* Log all terminals in; false where that did not happen in time, or connections were lost. */
static int log_all_in(void)
{
    int64_t limit = nanoseconds() + (int64_t)(LOGIN_SECONDS * 1e9);
    while (total.logged_in < want.connections && !total.lost && nanoseconds() < limit) {
        while (opened < want.connections && opened - total.logged_in < UNANSWERED_LOGINS && open_next())
            ;
        hear_all();
    }
    return total.logged_in == want.connections;
}

static int read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},  {"connections", 1, NULL, 'c'}, {"window", 1, NULL, 'w'}, {"seconds", 1, NULL, 's'},
        {"pid", 1, NULL, 'i'},   {"first", 1, NULL, 'f'},       {"answered", 1, NULL, 'a'}, {"rate", 1, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p': want.port = atoi(optarg); break;
        case 'c': want.connections = atoi(optarg); break;
        case 'w': want.window = atoi(optarg); break;
        case 's': want.seconds = atof(optarg); break;
        case 'i': want.pid = atoi(optarg); break;
        case 'f': want.first = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'a': want.answered = optarg; break;
        case 'r': want.rate = atof(optarg); break;
        default: return 0;
        }
    }
    return optind == argc && want.port > 0 && want.port < 65536 && want.connections > 0 && want.window >= 0 &&
           want.window <= MOST_IN_FLIGHT && want.seconds >= 0 && want.rate >= 0 && (want.window > 0 || !want.rate);
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: load --port N [--connections N] [--window 0..%d] [--rate N] [--seconds N] [--pid N] "
                        "[--first N] [--answered FILE]\n", MOST_IN_FLIGHT);
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare_crc();
    fleet = calloc((size_t)want.connections, sizeof *fleet);
    poller = epoll_create1(EPOLL_CLOEXEC);
    answered_file = want.answered ? fopen(want.answered, "wb") : NULL;
    if (!fleet || poller < 0 || (want.answered && !answered_file)) {
        perror("load");
        return 1;
    }

    long memory_before = server_memory();
    int64_t start = nanoseconds();
    if (!log_all_in())
        fprintf(stderr, "load: %ld of %d terminals logged in, %ld connections lost\n", total.logged_in,
                want.connections, total.lost);
    double login_seconds = (double)(nanoseconds() - start) / 1e9;
    puts("ready");
    fflush(stdout);

    double cpu = server_cpu();
    start = nanoseconds();
    int64_t end = start + (int64_t)(want.seconds * 1e9);
    sending = want.window > 0;
    for (int i = 0; sending && !want.rate && i < opened; i++)
        if (fleet[i].socket >= 0)
            fill_window(&fleet[i]);
    while (nanoseconds() < end && total.lost < opened) {
        if (sending && want.rate)
            offer(start);
        hear_all();
    }
    sending = 0;
    double took = (double)(nanoseconds() - start) / 1e9;
    cpu = server_cpu() - cpu;
    long answered = total.answered, memory_after = server_memory();

    end = nanoseconds() + (int64_t)(DRAIN_SECONDS * 1e9);
    while (total.in_flight > 0 && total.lost < opened && nanoseconds() < end)
        hear_all();
    if (answered_file && fclose(answered_file)) {
        perror("load: the file of answered reports");
        return 1;
    }
    printf("{\"connections\": %d, \"window\": %d, \"rate\": %.0f, \"seconds\": %.3f, \"login_seconds\": %.3f, "
           "\"logged_in\": %ld, \"answered\": %ld, \"per_second\": %.0f, ",
           want.connections, want.window, want.rate, took, login_seconds, total.logged_in, answered,
           (double)answered / took);
    printf("\"latency_us\": {\"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"max\": %.0f}, ", latency(.5), latency(.9),
           latency(.99), latency(1));
    printf("\"cpu_seconds\": %.2f, \"cpu_us_per_report\": %.3f, \"rss_kb_before\": %ld, \"rss_kb_after\": %ld, "
           "\"kb_per_connection\": %.3f, ",
           cpu, answered ? cpu / (double)answered * 1e6 : 0, memory_before, memory_after,
           (double)(memory_after - memory_before) / want.connections);
    printf("\"sent_in_all\": %ld, \"answered_in_all\": %ld, \"unexpected\": %ld, \"lost\": %ld}\n", total.sent,
           total.answered, total.unexpected, total.lost);
    return 0;
}
