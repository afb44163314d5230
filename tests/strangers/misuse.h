/* What the calls of misuse/calls.rs stand on: a right one of each handle, callbacks that agree to nothing, and how what a call
 * returned is told. A type of handle that no function here makes is an error of the test. */

#define _POSIX_C_SOURCE 200809L
#include <crescendo.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILLING = 0xA5, SKIPPED = -1, STATUSES = 256 };

/* Lists of one text. Whoever believes a larger number reads on. */
static const char *const right_texts[] = {"dns:example.org"};
static const char *const null_text[] = {NULL};
static const char *const not_utf8_text[] = {"dns:\xFF"};

static void fill(void *place, size_t size)
{
    memset(place, FILLING, size);
}

static bool is_filled(const void *place, size_t size)
{
    const unsigned char *byte = place;
    while (size > 0 && byte[size - 1] == FILLING)
        size--;
    return size == 0;
}

static bool on_ask(void *user, const crescendo_question *question, crescendo_answer *answer)
{
    (void)user, (void)question, (void)answer;
    return false;
}

static bool on_confirm(void *user, const crescendo_text *lines, size_t count)
{
    (void)user, (void)lines, (void)count;
    return false;
}

static bool on_tell(void *user, const crescendo_progress *progress)
{
    (void)user, (void)progress;
    return false;
}

static crescendo_context *the_crescendo_context;
static crescendo_device *the_crescendo_device;

static crescendo_status make_crescendo_context(crescendo_context **context)
{
    return crescendo_context_new(context);
}

static crescendo_status make_crescendo_device(crescendo_device **device)
{
    return crescendo_device_open(the_crescendo_context, NULL, 0, device);
}

static crescendo_status make_crescendo_cancel(crescendo_cancel **cancel)
{
    return crescendo_cancel_new(cancel);
}

/* A response of a help desk: no device is asked for it. */
static crescendo_status make_crescendo_buffer(crescendo_buffer **buffer)
{
    return crescendo_help_desk_response_with_key("000102030405060708090A0B0C0D0E0F", CRESCENDO_TERMINATED,
                                                 "0123456789ABCDEF0123456789ABCDEF", CRESCENDO_TERMINATED, buffer);
}

/* The test has signed one, and the library was told whom to trust. */
static crescendo_status make_crescendo_image(crescendo_image **image)
{
    static uint8_t bytes[65536];
    FILE *file = fopen(getenv("IMAGE"), "rb");
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return crescendo_image_open(the_crescendo_context, bytes, length, NULL, 0, image);
}

static const crescendo_devices *the_devices;
static const crescendo_summary *the_summary;

/* What is given to the functions that free another kind of result. */
static void make_results(void)
{
    crescendo_devices_list(the_crescendo_context, false, &the_devices);
    if (the_crescendo_device != NULL)
        crescendo_device_summary(the_crescendo_device, false, &the_summary);
}

static void free_results(void)
{
    crescendo_devices_free(the_devices);
    crescendo_summary_free(the_summary);
}

/* Which calls are made: "all", those that are "refused", or "none"; and of which function, or NULL. */
static const char *wanted, *of;

static inline bool is_wanted(bool is_refused, const char *function)
{
    if (of != NULL && strcmp(of, function) != 0)
        return false;
    return strcmp(wanted, "all") == 0 || (is_refused && strcmp(wanted, "refused") == 0);
}

static inline void make(int number, crescendo_status (*call)(bool *intact))
{
    bool intact = true;
    printf("begin %d\n", number);
    fflush(stdout);
    crescendo_status status = call(&intact);
    const crescendo_error *error = crescendo_last_error();
    const char *message = error->message.data == NULL ? "" : error->message.data;
    printf("returned %d %d %d %d %s\n", number, (int)status, (int)error->status, intact, message);
}

/* One of two threads that make the same call at once, and what it returned how often. */
struct side {
    crescendo_status (*call)(bool *intact);
    pthread_barrier_t *start;
    int rounds;
    int seen[STATUSES];
    int spoilt;
};

static inline void *run_side(void *place)
{
    struct side *side = place;
    pthread_barrier_wait(side->start);
    for (int round = 0; round < side->rounds; round++) {
        bool intact = true;
        crescendo_status status = side->call(&intact);
        const crescendo_error *error = crescendo_last_error();
        bool is_told = status == SKIPPED || error->status == status;
        side->spoilt += !is_told || (status != CRESCENDO_STATUS_OK && !intact);
        side->seen[status == SKIPPED ? STATUSES - 1 : (unsigned)status % STATUSES]++;
    }
    return NULL;
}

static inline void side_by_side(int number, int rounds, crescendo_status (*call)(bool *intact))
{
    pthread_barrier_t start;
    pthread_t threads[2];
    static struct side sides[2];
    printf("begin %d\n", number);
    fflush(stdout);
    pthread_barrier_init(&start, NULL, 2);
    for (int i = 0; i < 2; i++) {
        sides[i] = (struct side){.call = call, .start = &start, .rounds = rounds};
        pthread_create(&threads[i], NULL, run_side, &sides[i]);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    printf("both %d %d", number, sides[0].spoilt + sides[1].spoilt);
    for (int status = 0; status < STATUSES; status++)
        if (sides[0].seen[status] + sides[1].seen[status] > 0)
            printf(" %d:%d", status, sides[0].seen[status] + sides[1].seen[status]);
    printf("\n");
}
