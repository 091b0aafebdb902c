/* Cameras on loopback that upload files by HTTP (Jimi V1.3.5, 6.1), each one after the other, and measure it.
 *
 *     upload --port N [--cameras N] [--size BYTES] [--files N] [--seconds N] [--first N]
 *
 * Every camera has its own IMEI: 863, then its number in twelve digits; the numbers begin with FIRST. It connects, sends
 * a form with the fields filename and timestamp and a file of SIZE bytes, waits for the answer, closes, and begins with
 * the next file, until it has sent FILES of them or SECONDS are over; what is under way then is brought to its end.
 * No two files are the same.
 *
 * The last line is a JSON object: files answered with 200, their bytes, the time from the first to the last byte of all,
 * how long a file took from connect to answer; answers that were another, and connections that were lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    BASE = 1 << 20,  /* bytes of which files are made, over and over */
    MARK = 32,       /* bytes at the begin of a file that make it another one */
    EVENTS = 256,
    LARGEST_ANSWER = 4096,
    PIECES = 16,
};

#define BOUNDARY "------------------------a8e1d1b2c4f05f1e"

static const double PATIENCE = 60;

struct camera {
    int socket; /* -1: not open */
    uint32_t number;
    long sent_files;
    int64_t began;
    size_t before, sent, got; /* bytes before the file, sent of all, got of the answer */
    char head[1024], mark[MARK + 1], answer[LARGEST_ANSWER + 1];
};

static struct {
    int port, cameras;
    long files, size;
    double seconds;
    uint32_t first;
} want = {.cameras = 200, .size = 2 << 20, .files = 1 << 30, .seconds = 20, .first = 1};

static struct {
    long answered, refused, lost;
} total;

static const char tail[] = "\r\n--" BOUNDARY "--\r\n";
static uint8_t base[BASE];
static struct camera *cameras;
static double *took;
static long most_took;
static int poller, busy;
static int64_t deadline;

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void begin(struct camera *camera);

/* This file is over; begin the next one, if there is one. */
static void end(struct camera *camera)
{
    close(camera->socket);
    camera->socket = -1;
    busy--;
    if (camera->sent_files < want.files && nanoseconds() < deadline)
        begin(camera);
}

static void begin(struct camera *camera)
{
    char fields[640];
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port)};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    long number = camera->sent_files++;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* Files of a camera are told apart by the minutes and seconds in their names. */
    int size = snprintf(
        fields, sizeof fields,
        "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n"
        "EVENT_863%012u_00000000_2026_11_%02ld_%02ld_%02ld_%02ld_F_55.ts\r\n"
        "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"timestamp\"\r\n\r\n%lld%03ld\r\n"
        "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"clip.ts\"\r\n"
        "Content-Type: multipart/form-data\r\n\r\n",
        camera->number, 1 + number / 86400 % 28, number / 3600 % 24, number / 60 % 60, number % 60, (long long)now.tv_sec,
        now.tv_nsec / 1000000);
    camera->before = (size_t)snprintf(camera->head, sizeof camera->head,
                                      "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                                      "Content-Type: multipart/form-data; boundary=" BOUNDARY "\r\n"
                                      "Content-Length: %ld\r\n\r\n%s",
                                      (long)size + want.size + (long)sizeof tail - 1, fields);
    snprintf(camera->mark, sizeof camera->mark, "camera %08x, file %010x", camera->number, (unsigned)number);
    camera->sent = camera->got = 0;
    camera->began = nanoseconds();
    camera->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (camera->socket < 0) {
        perror("upload: socket");
        exit(1);
    }
    int one = 1;
    setsockopt(camera->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    busy++;
    if (connect(camera->socket, (void *)&there, sizeof there) && errno != EINPROGRESS) {
        total.lost++;
        close(camera->socket);
        camera->socket = -1;
        busy--;
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = camera};
    epoll_ctl(poller, EPOLL_CTL_ADD, camera->socket, &event);
}

/* What is to be sent from here on, as pieces; how many. */
static int pieces_from(struct camera *camera, size_t at, struct iovec *pieces)
{
    int count = 0;
    size_t file = (size_t)want.size, all = camera->before + file;
    while (count < PIECES && at < all + sizeof tail - 1) {
        struct iovec *piece = &pieces[count++];
        if (at < camera->before) {
            *piece = (struct iovec){camera->head + at, camera->before - at};
        } else if (at < all) {
            size_t inside = at - camera->before, place = inside % BASE;
            if (inside < MARK && MARK <= file)
                *piece = (struct iovec){camera->mark + inside, MARK - inside};
            else
                *piece = (struct iovec){base + place, BASE - place < file - inside ? BASE - place : file - inside};
        } else {
            *piece = (struct iovec){(char *)tail + (at - all), all + sizeof tail - 1 - at};
        }
        at += piece->iov_len;
    }
    return count;
}

/* Send as much as goes; false where the connection is lost. */
static int send_on(struct camera *camera)
{
    struct iovec pieces[PIECES];
    struct msghdr message = {.msg_iov = pieces};
    while ((message.msg_iovlen = (size_t)pieces_from(camera, camera->sent, pieces)) > 0) {
        ssize_t sent = sendmsg(camera->socket, &message, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        camera->sent += (size_t)sent;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = camera};
    epoll_ctl(poller, EPOLL_CTL_MOD, camera->socket, &event);
    return 1;
}

/* Hear the answer; 1: it is there, 0: not yet, -1: the connection is lost. */
static int hear(struct camera *camera)
{
    ssize_t got = recv(camera->socket, camera->answer + camera->got, LARGEST_ANSWER - camera->got, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    camera->got += (size_t)got;
    camera->answer[camera->got] = 0;
    if (strstr(camera->answer, "\"code\":"))
        return 1;
    return got ? 0 : -1;
}

static void act(struct camera *camera, uint32_t events)
{
    int heard = events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? hear(camera) : 0;
    if (heard == 1) {
        if (strstr(camera->answer, "HTTP/1.1 200 ") == camera->answer) {
            if (total.answered < most_took)
                took[total.answered] = (double)(nanoseconds() - camera->began) / 1e6;
            total.answered++;
        } else if (!total.refused++) {
            fprintf(stderr, "upload: %.300s\n", camera->answer);
        }
        end(camera);
    } else if (heard < 0 || (events & EPOLLOUT && !send_on(camera))) {
        total.lost++;
        end(camera);
    }
}

static int by_size(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static double point(double part)
{
    long count = total.answered < most_took ? total.answered : most_took;
    return count ? took[(long)((double)(count - 1) * part)] : 0;
}

static int read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},    {"cameras", 1, NULL, 'c'}, {"size", 1, NULL, 'z'}, {"files", 1, NULL, 'n'},
        {"seconds", 1, NULL, 's'}, {"first", 1, NULL, 'f'},   {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p': want.port = atoi(optarg); break;
        case 'c': want.cameras = atoi(optarg); break;
        case 'z': want.size = atol(optarg); break;
        case 'n': want.files = atol(optarg); break;
        case 's': want.seconds = atof(optarg); break;
        case 'f': want.first = (uint32_t)strtoul(optarg, NULL, 10); break;
        default: return 0;
        }
    }
    return optind == argc && want.port > 0 && want.port < 65536 && want.cameras > 0 && want.size > 0 && want.files > 0;
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: upload --port N [--cameras N] [--size BYTES] [--files N] [--seconds N] [--first N]\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    uint64_t state = 88172645463325252ULL;
    for (int i = 0; i < BASE; i++) { /* xorshift: what no disk and no file system makes smaller */
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        base[i] = (uint8_t)state;
    }
    most_took = 1 << 20;
    cameras = calloc((size_t)want.cameras, sizeof *cameras);
    took = calloc((size_t)most_took, sizeof *took);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!cameras || !took || poller < 0) {
        perror("upload");
        return 1;
    }
    int64_t start = nanoseconds();
    deadline = start + (int64_t)(want.seconds * 1e9);
    for (int i = 0; i < want.cameras; i++) {
        cameras[i].number = want.first + (uint32_t)i;
        begin(&cameras[i]);
    }
    int64_t limit = deadline + (int64_t)(PATIENCE * 1e9);
    while (busy > 0 && nanoseconds() < limit) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poller, events, EVENTS, 100);
        for (int i = 0; i < count; i++)
            act(events[i].data.ptr, events[i].events);
    }
    double seconds = (double)(nanoseconds() - start) / 1e9;
    qsort(took, (size_t)(total.answered < most_took ? total.answered : most_took), sizeof *took, by_size);
    printf("{\"cameras\": %d, \"size\": %ld, \"seconds\": %.4f, \"answered\": %ld, \"refused\": %ld, \"lost\": %ld, "
           "\"unfinished\": %d, \"megabytes_per_second\": %.2f, ",
           want.cameras, want.size, seconds, total.answered, total.refused, total.lost, busy,
           (double)total.answered * (double)want.size / seconds / 1e6);
    printf("\"took_ms\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n", point(.5), point(.99), point(1));
    return 0;
}
