/* Does what its arguments say, one after the other, and tells what each was answered:
 *
 *   puppet MODULE load init slots info open login find both:100 logout close finalize unload
 *
 * `mark:FILE` and `await:FILE` keep step with others, `die:N` ends the process in N milliseconds, whatever it does then.
 * `both:N` signs N times with 9A and N times with 9E, in turn; `into:FILE` keeps what was signed, and the signatures.
 * `fork ... parent`: the words in between are a child's. `thread` and `join`: another thread uses the library once, and
 * ends at `join`. `text:HEX` is what `login` gives instead of the PIN, and `secrets:FILE` has words in HEX and their names, for
 * which `scan` looks through all memory of this process; the hexadecimal bytes are masked, so that none are found that are
 * only asked for. */
#define _GNU_SOURCE
#include "module.h"

#include "secrets.h"

#include <pthread.h>
#include <sys/time.h>

enum {
    GET_TOKEN_INFO = 6, OPEN_SESSION = 12, CLOSE_SESSION = 13, LOGIN = 18, LOGOUT = 19, FIND_INIT = 26, FIND = 27,
    FIND_FINAL = 28, SIGN_INIT = 42, SIGN = 43
};
enum { CLASS = 0x0, ID = 0x102, PRIVATE_KEY = 3, SERIAL_SESSION = 4, USER = 1, CONTEXT_SPECIFIC = 2 };
enum { SHA256_RSA_PKCS = 0x40, ECDSA = 0x1041 };

typedef struct {
    number type;
    void *value;
    number length;
} attribute;

typedef struct {
    number type;
    void *parameter;
    number length;
} mechanism;

static const char *module;
static list *functions;
static number slot, session;
static FILE *kept;

static number call(int which, number a, number b, number c, number d, number e) {
    typedef number (*function)(number, number, number, number, number);
    return ((function)functions->functions[which])(a, b, c, d, e);
}

static number find(unsigned char id, number *object) {
    number class = PRIVATE_KEY, count = 0;
    attribute template[] = {{CLASS, &class, sizeof class}, {ID, &id, 1}};
    number result = call(FIND_INIT, session, (number)template, 2, 0, 0);
    if (result == 0)
        result = call(FIND, session, (number)object, 1, (number)&count, 0);
    number ended = call(FIND_FINAL, session, 0, 0, 0, 0);
    if (result == 0 && count == 0)
        return 0x60; /* CKR_KEY_HANDLE_INVALID */
    return result ? result : ended;
}

/* With what was said, or with the PIN of every virtual card. Nothing of it is left here. */
static number login(number user) {
    unsigned char text[32] = "123456";
    number length = typed.length ? unmasked(&typed, text) : 6;
    number result = call(LOGIN, session, user, (number)text, length, 0);
    explicit_bzero(text, sizeof text);
    return result;
}

static void keep(const unsigned char *data, const unsigned char *signature, number length) {
    for (int i = 0; i < 32; i++)
        fprintf(kept, "%02x", data[i]);
    fputc(' ', kept);
    for (number i = 0; i < length; i++)
        fprintf(kept, "%02x", signature[i]);
    fputc('\n', kept);
}

static number sign(number type, number key, int round) {
    unsigned char data[32], signature[256];
    number length = sizeof signature;
    mechanism how = {type, NULL, 0};
    memset(data, 1 + round % 255, sizeof data);
    number result = call(SIGN_INIT, session, (number)&how, key, 0, 0);
    if (result == 0 && round < 0) /* 9C asks each time */
        result = login(CONTEXT_SPECIFIC);
    if (result == 0)
        result = call(SIGN, session, (number)data, sizeof data, (number)signature, (number)&length);
    if (result == 0 && kept)
        keep(data, signature, length);
    return result;
}

static number sign_both(int rounds) {
    number rsa, ecdsa, result = find(1, &rsa);
    if (result == 0)
        result = find(4, &ecdsa);
    for (int round = 0; result == 0 && round < rounds; round++) {
        result = sign(SHA256_RSA_PKCS, rsa, round);
        if (result == 0)
            result = sign(ECDSA, ecdsa, round);
    }
    return result;
}

static number sign_one(unsigned char id, number type, int round) {
    number key, result = find(id, &key);
    return result ? result : sign(type, key, round);
}

/* Finds the slot with the token: there has to be one. */
static number list_slots(void) {
    number count = 1, result = call(GET_SLOT_LIST, 1, (number)&slot, (number)&count, 0, 0);
    return result == 0 && count != 1 ? 0xE0 /* CKR_TOKEN_NOT_PRESENT */ : result;
}

static void await(const char *path) {
    for (int i = 0; i < 4000 && access(path, F_OK) != 0; i++)
        usleep(5000);
}

static void die_in(int milliseconds) {
    struct itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static pthread_mutex_t thread_may_end = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;

/* Uses the module, and ends when the module may be gone. */
static void *use_and_stay(void *done) {
    number found = 0;
    tokens(functions, &found);
    *(volatile int *)done = 1;
    pthread_mutex_lock(&thread_may_end);
    pthread_mutex_unlock(&thread_may_end);
    return NULL;
}

static void start_thread(void) {
    static volatile int done;
    pthread_mutex_lock(&thread_may_end);
    pthread_create(&thread, NULL, use_and_stay, (void *)&done);
    while (!done)
        usleep(1000);
}

static int end_thread(void) {
    pthread_mutex_unlock(&thread_may_end);
    return pthread_join(thread, NULL);
}

static void play(char **words);

/* The words up to `parent` are the child's, unless there is only one process yet to play them. */
static char **split(char **words) {
    fflush(stdout);
    pid_t child = fork();
    int status = 0;
    char **rest = words;
    while (*rest && strcmp(*rest, "parent") != 0)
        rest++;
    if (child == 0) {
        *rest = NULL;
        play(words);
        exit(0);
    }
    waitpid(child, &status, 0);
    printf("child %#x\n", status);
    return *rest ? rest : rest - 1;
}

/* What a word asks for, and the code it was answered with. */
static number act(const char *word, const char *argument) {
    number ignored[64];
    if (strcmp(word, "load") == 0)
        return (functions = load(module)) == NULL;
    if (strcmp(word, "unload") == 0)
        return dlclose(library) != 0;
    if (strcmp(word, "init") == 0)
        return initialize(functions);
    if (strcmp(word, "finalize") == 0)
        return finalize(functions);
    if (strcmp(word, "slots") == 0)
        return list_slots();
    if (strcmp(word, "info") == 0)
        return call(GET_TOKEN_INFO, slot, (number)ignored, 0, 0, 0);
    if (strcmp(word, "open") == 0)
        return call(OPEN_SESSION, slot, SERIAL_SESSION, 0, 0, (number)&session);
    if (strcmp(word, "close") == 0)
        return call(CLOSE_SESSION, session, 0, 0, 0, 0);
    if (strcmp(word, "login") == 0)
        return login(USER);
    if (strcmp(word, "logout") == 0)
        return call(LOGOUT, session, 0, 0, 0, 0);
    if (strcmp(word, "find") == 0)
        return find(4, ignored); /* one that is shown before login */
    if (strcmp(word, "rsa") == 0)
        return sign_one(1, SHA256_RSA_PKCS, 0);
    if (strcmp(word, "ecdsa") == 0)
        return sign_one(4, ECDSA, 0);
    if (strcmp(word, "consent") == 0)
        return sign_one(2, ECDSA, -1);
    if (strcmp(word, "both") == 0)
        return sign_both(atoi(argument));
    return 0x54; /* CKR_FUNCTION_NOT_SUPPORTED */
}

/* What a word asks for that is no function of PKCS#11. */
static int arrange(const char *word, const char *argument) {
    if (strcmp(word, "into") == 0)
        kept = fopen(argument, "w");
    else if (strcmp(word, "mark") == 0)
        fclose(fopen(argument, "w"));
    else if (strcmp(word, "await") == 0)
        await(argument);
    else if (strcmp(word, "say") == 0)
        printf("%s\n", argument);
    else if (strcmp(word, "die") == 0)
        die_in(atoi(argument));
    else if (strcmp(word, "text") == 0)
        read_masked(argument, &typed);
    else if (strcmp(word, "secrets") == 0)
        read_secrets(argument);
    else if (strcmp(word, "scan") == 0)
        scan();
    else if (strcmp(word, "thread") == 0)
        start_thread();
    else if (strcmp(word, "join") == 0)
        return end_thread() == 0;
    else if (strcmp(word, "_exit") == 0)
        _exit(0);
    else
        return strcmp(word, "parent") == 0;
    return 1;
}

static void play(char **words) {
    for (; *words; words++) {
        if (strcmp(*words, "fork") == 0) {
            words = split(words + 1);
            continue;
        }
        char word[32];
        const char *colon = strchr(*words, ':');
        snprintf(word, sizeof word, "%.*s", (int)(colon ? colon - *words : 31), *words);
        if (!arrange(word, colon ? colon + 1 : ""))
            printf("%s %#lx\n", *words, act(word, colon ? colon + 1 : ""));
        fflush(stdout);
    }
}

int main(int count, char **arguments) {
    module = arguments[1];
    play(arguments + 2);
    printf("end\n");
    return 0;
}
