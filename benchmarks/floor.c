/* The least that a gateway can do: find the frame, check it, answer it. Nothing is decoded, stored or passed on.
 *
 * What this costs is what the machine takes for two system calls a report, so a gateway's own cost is told as a
 * multiple of it. Prints the port it listens on (loopback only) and ends when its standard input does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jimi.h"

enum { ROOM = 512, EVENTS = 512 };

struct peer {
    int socket;
    size_t kept; /* bytes of a frame that is not complete */
    uint8_t input[ROOM];
};

static int poller;

static void watch(int descriptor, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event)) {
        perror("floor: epoll_ctl");
        exit(1);
    }
}

static int listening(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    if (listener < 0 || bind(listener, (void *)&here, size) || listen(listener, 4096) ||
        getsockname(listener, (void *)&here, &size)) {
        perror("floor: listen");
        exit(1);
    }
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return listener;
}

static void welcome(int listener)
{
    int one = 1, descriptor;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = malloc(sizeof *peer);
        if (!peer) {
            close(descriptor);
            return;
        }
        peer->socket = descriptor;
        peer->kept = 0;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(descriptor, peer);
    }
}

/* Answer every whole frame that is there; return whether the connection may stay. */
static int serve(struct peer *peer)
{
    ssize_t got = recv(peer->socket, peer->input + peer->kept, ROOM - peer->kept, 0);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    size_t size = peer->kept + (size_t)got, at = 0, ready = 0;
    uint8_t answers[ROOM]; /* an answer is never longer than its frame */
    while (at < size) {
        int whole = frame_at(peer->input + at, size - at);
        if (whole == 0)
            break;
        if (whole < 0) {
            at++;
            continue;
        }
        const uint8_t *frame = peer->input + at;
        ready += make_frame(answers + ready, frame[3], NULL, 0, get16(frame + whole - TAIL));
        at += (size_t)whole;
    }
    peer->kept = size - at;
    if (at)
        memmove(peer->input, peer->input + at, peer->kept);
    return !ready || send(peer->socket, answers, ready, MSG_NOSIGNAL) == (ssize_t)ready;
}

int main(void)
{
    struct epoll_event events[EVENTS];
    prepare_crc();
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listening();
    watch(listener, &listener);
    watch(STDIN_FILENO, &poller);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &poller)
                return 0;
            if (what == &listener) {
                welcome(listener);
            } else if (!serve(what)) {
                close(((struct peer *)what)->socket);
                free(what);
            }
        }
    }
}
