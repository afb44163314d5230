/* Load, use, finalise, unload, three times over: nothing of the library is left in the process. */
#include "module.h"

static int mapped(const char *path) {
    char line[4096];
    int found = 0;
    const char *name = strrchr(path, '/') + 1;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        found += strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

int main(int count, char **arguments) {
    int rounds = 0;
    number found = 0;
    while (rounds < 3) {
        list *functions = load(arguments[1]);
        if (initialize(functions) != 0 || tokens(functions, &found) != 0 || found != 1)
            return 1;
        if (finalize(functions) != 0 || mapped(arguments[1]) == 0 || dlclose(library) != 0)
            return 1;
        printf("mapped after dlclose: %d\n", mapped(arguments[1]));
        rounds++;
    }
    printf("rounds: %d\n", rounds);
    return 0;
}
