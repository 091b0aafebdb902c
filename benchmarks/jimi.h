/* Short frames of the Jimi protocol (JC261/JC400 V1.3.5, chapter 4), as floor.c and load.c need them:
 *
 *     78 78 | length | protocol number | content | serial number | check code | 0D 0A
 *
 * The length counts from the protocol number to the check code; the check code is CRC-16/X-25 from the length on.
 */
#ifndef JIMI_H
#define JIMI_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    MARK = 0x78,
    HEAD = 4,              /* marks, length, protocol number */
    TAIL = 6,              /* serial number, check code, stop bytes */
    SMALLEST = HEAD + TAIL,
    AROUND = 5,            /* what the length does not count: marks, itself, stop bytes */
    LARGEST = 255 + AROUND,
    LOGIN = 0x01,
    LOCATION = 0x22,
};

static uint16_t crc_of_byte[256];

static void prepare_crc(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x8408 : crc >> 1;
        crc_of_byte[byte] = (uint16_t)crc;
    }
}

static uint16_t crc_itu(const uint8_t *data, size_t size)
{
    uint16_t crc = 0xFFFF;
    for (const uint8_t *end = data + size; data < end; data++)
        crc = (uint16_t)(crc >> 8 ^ crc_of_byte[(crc ^ *data) & 0xFF]);
    return (uint16_t)~crc;
}

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

/* Write a frame with this content, at most 250 bytes of it; return its size. */
static size_t make_frame(uint8_t *to, uint8_t protocol, const uint8_t *content, size_t size, unsigned serial)
{
    to[0] = to[1] = MARK;
    to[2] = (uint8_t)(size + SMALLEST - AROUND);
    to[3] = protocol;
    if (size)
        memcpy(to + HEAD, content, size);
    uint8_t *tail = to + HEAD + size;
    put16(tail, serial);
    put16(tail + 2, crc_itu(to + 2, size + 4));
    tail[4] = '\r';
    tail[5] = '\n';
    return size + SMALLEST;
}

/* The size of the true frame at the start of these bytes; 0 while it is not complete, -1 where none stands. */
static int frame_at(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t whole = (size_t)data[2] + AROUND;
    if (data[0] != MARK || data[1] != MARK || whole < SMALLEST)
        return -1;
    if (size < whole)
        return 0;
    const uint8_t *tail = data + whole - TAIL;
    if (tail[4] != '\r' || tail[5] != '\n' || crc_itu(data + 2, whole - 6) != get16(tail + 2))
        return -1;
    return (int)whole;
}

#endif
