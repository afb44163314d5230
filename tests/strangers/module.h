/* As little of PKCS#11 as these programs need: the functions of a list, by their place in it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef unsigned long number;
typedef struct {
    unsigned char version[2];
    void *functions[68];
} list;

enum { INITIALIZE = 0, FINALIZE = 1, GET_SLOT_LIST = 4 };

static void *library;

static list *load(const char *path) {
    list *functions = NULL;
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("%s\n", dlerror());
        exit(1);
    }
    number (*get)(list **) = (number(*)(list **))dlsym(library, "C_GetFunctionList");
    if (!get || get(&functions) != 0) {
        printf("C_GetFunctionList failed\n");
        exit(1);
    }
    return functions;
}

static inline number initialize(list *functions) {
    return ((number(*)(void *))functions->functions[INITIALIZE])(NULL);
}

static inline number finalize(list *functions) {
    return ((number(*)(void *))functions->functions[FINALIZE])(NULL);
}

static inline number tokens(list *functions, number *count) {
    number slots[16];
    *count = 16;
    return ((number(*)(unsigned char, number *, number *))functions->functions[GET_SLOT_LIST])(1, slots, count);
}
