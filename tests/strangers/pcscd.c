/* What pcscd itself costs a program that asks which readers there are and whether a card is in them: milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

enum { READERS = 16 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static void need(const char *what, LONG result) {
    if (result != SCARD_S_SUCCESS) {
        printf("%s: %#lx\n", what, (unsigned long)result);
        exit(1);
    }
}

int main(void) {
    SCARDCONTEXT context;
    SCARD_READERSTATE states[READERS] = {0};
    char names[4096];
    DWORD length = sizeof names, count = 0;
    double start = now();
    need("SCardEstablishContext", SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));
    need("SCardListReaders", SCardListReaders(context, NULL, names, &length));
    for (char *name = names; *name && count < READERS; name += strlen(name) + 1)
        states[count++].szReader = name;
    need("SCardGetStatusChange", SCardGetStatusChange(context, 0, states, count));
    printf("%.3f\n", now() - start);
    return 0;
}
