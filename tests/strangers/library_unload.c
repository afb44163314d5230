/* library_unload LIBRARY PIN [one]: opens it, uses it and closes it, many times over, in threads that end before. At last in the first
   thread, which keeps what it holds for its threads until it ends itself. `one`: at any time one thread uses the library. */
#include "library.h"

#include <dirent.h>

enum { ROUNDS = 10 };

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

static int threads(void) {
    int found = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    while ((entry = readdir(tasks)))
        found += entry->d_name[0] != '.';
    closedir(tasks);
    return found;
}

int main(int count, char **arguments) {
    int left = 0, most = 0;
    pin = arguments[2];
    nobody_waits = count > 3;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        pthread_create(&thread, NULL, use, NULL);
        pthread_join(thread, NULL);
        most = threads() > most ? threads() : most;
        if (mapped(arguments[1]) == 0 || dlclose(library) != 0)
            return 1;
        left += mapped(arguments[1]) != 0;
    }
    printf("after %d rounds: mapped %d, threads %d\n", ROUNDS, left, most);
    for (int round = 0; round < ROUNDS; round++) {
        library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        use(NULL);
        if (dlclose(library) != 0)
            return 1;
    }
    printf("in the first thread: threads %d\n", threads());
    return 0;
}
