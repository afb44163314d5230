/* A child finds the library not initialised, initialises it and finalises it; the parent does not notice. */
#include "module.h"

static void child(list *functions) {
    number count = 0;
    number before = tokens(functions, &count);
    printf("child before C_Initialize: %#lx\n", before);
    number initialized = initialize(functions);
    number listed = tokens(functions, &count);
    printf("child after C_Initialize: %lu, then %lu, tokens %lu\n", initialized, listed, count);
    printf("child C_Finalize: %lu\n", finalize(functions));
    fflush(stdout);
    _exit(0);
}

int main(int count, char **arguments) {
    number found = 0;
    int status = 0;
    list *functions = load(arguments[1]);
    printf("parent C_Initialize: %lu\n", initialize(functions));
    tokens(functions, &found);
    fflush(stdout);
    pid_t process = fork();
    if (process == 0)
        child(functions);
    waitpid(process, &status, 0);
    number listed = tokens(functions, &found);
    printf("parent afterwards: %lu, tokens %lu\n", listed, found);
    printf("parent C_Finalize: %lu\n", finalize(functions));
    return status != 0;
}
