/* What searches and attribute reads cost in a program that has listed the token before: medians, in nanoseconds. */
#include "module.h"

#include <pthread.h>
#include <time.h>

enum {
    GET_TOKEN_INFO = 6, OPEN_SESSION = 12, GET_ATTRIBUTE_VALUE = 24, FIND_INIT = 26, FIND = 27, FIND_FINAL = 28,
    ROUNDS = 20000, THREADS = 8
};
enum { CLASS = 0x0, LABEL = 0x3, ID = 0x102, KEY_TYPE = 0x100, CERTIFICATE = 1, SERIAL_SESSION = 4 };

typedef struct {
    number type;
    void *value;
    number length;
} attribute;

static list *functions;
static number slot;
static volatile number objects;

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1e9 + at.tv_nsec;
}

static number call(int which, number a, number b, number c, number d) {
    return ((number(*)(number, number, number, number))functions->functions[which])(a, b, c, d);
}

static number open_session(void) {
    number session = 0;
    number result = ((number(*)(number, number, void *, void *, number *))functions->functions[OPEN_SESSION])(
        slot, SERIAL_SESSION, NULL, NULL, &session);
    if (result != 0) {
        printf("C_OpenSession: %#lx\n", result);
        exit(1);
    }
    return session;
}

static number find(number session, attribute *template, number count, number *found, number room) {
    number here = 0;
    number result = call(FIND_INIT, session, (number)template, count, 0);
    if (result == 0)
        result = call(FIND, session, (number)found, room, (number)&here);
    call(FIND_FINAL, session, 0, 0, 0);
    if (result != 0) {
        printf("search: %#lx\n", result);
        exit(1);
    }
    return here;
}

/* One certificate by class and id, as every client asks. */
static number find_one(number session, unsigned char id, number *found) {
    number class = CERTIFICATE;
    attribute template[] = {{CLASS, &class, sizeof class}, {ID, &id, 1}};
    return find(session, template, 2, found, 10);
}

static void read_three(number session, number object) {
    number class, key_type;
    char label[64];
    attribute template[] = {{CLASS, &class, sizeof class}, {LABEL, label, sizeof label}, {ID, &key_type, 8}};
    call(GET_ATTRIBUTE_VALUE, session, object, (number)template, 3);
}

static int compare(const void *a, const void *b) {
    double difference = *(double *)a - *(double *)b;
    return (difference > 0) - (difference < 0);
}

static double median(double *times) {
    qsort(times, ROUNDS, sizeof *times, compare);
    return times[ROUNDS / 2];
}

static void *work(void *unused) {
    /* Of its own: threads that write to one place wait for one another. */
    number found[10], seen = 0, session = open_session();
    for (int round = 0; round < ROUNDS; round++)
        seen += find_one(session, 1 + round % 4, found);
    objects += seen;
    return unused;
}

/* CPU time of a search when so many threads search at once. */
static double with_threads(int count) {
    pthread_t threads[THREADS];
    double start = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return (now(CLOCK_PROCESS_CPUTIME_ID) - start) / count / ROUNDS;
}

static long resident(void) {
    char line[256];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        sscanf(line, "VmRSS: %ld", &kilobytes);
    fclose(status);
    return kilobytes;
}

int main(int count, char **arguments) {
    static double times[ROUNDS];
    char info[4096];
    number found[200], one[10], slots = 1;
    long before = resident();
    functions = load(arguments[1]);
    if (initialize(functions) != 0 || call(GET_SLOT_LIST, 1, (number)&slot, (number)&slots, 0) != 0)
        return 1;
    call(GET_TOKEN_INFO, slot, (number)info, 0, 0);
    number session = open_session();
    printf("objects %lu\n", find(session, NULL, 0, found, 200));
    printf("resident_kb %ld\n", resident() - before);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now(CLOCK_MONOTONIC);
        objects += find_one(session, 1 + round % 4, one);
        times[round] = now(CLOCK_MONOTONIC) - start;
    }
    printf("search_ns %.0f\n", median(times));
    for (int round = 0; round < ROUNDS; round++) {
        double start = now(CLOCK_MONOTONIC);
        read_three(session, one[0]);
        times[round] = now(CLOCK_MONOTONIC) - start;
    }
    printf("attributes_ns %.0f\n", median(times));
    double alone = with_threads(1), together = with_threads(THREADS);
    printf("threads_ratio %.2f\n", together / alone);
    return finalize(functions) != 0;
}
