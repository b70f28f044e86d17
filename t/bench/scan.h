
/*
 * What the scanner's benchmark and its peers read: texts made by one program,
 * handed to the others in a file.  A text of a stream is the data of one
 * event, so that the peers need no framing.
 *
 * The file: for each text, its length as uint32_t, then its bytes.
 */


#ifndef _SCAN_H_INCLUDED_
#define _SCAN_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <time.h>


#define SCAN_NS    150000000ULL  /* how long a measurement takes at least */
#define SCAN_BEST  10            /* the best of so many counts */


static inline uint64_t
scan_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


#endif /* _SCAN_H_INCLUDED_ */
