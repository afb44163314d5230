/* Looks for secrets in the memory of this very process. It knows them only with each byte masked, and masks what it has read
 * before it looks at it, so that it never finds itself. */
#include <fcntl.h>
#include <stdint.h>

enum { MASK = 0x5A, LONGEST = 64, MOST = 16, PIECE = 1 << 16 };

typedef struct {
    char name[32];
    unsigned char bytes[LONGEST];
    number length;
} masked;

static masked typed, secrets[MOST];
static int secret_count;
static unsigned char piece[PIECE];

static void read_masked(const char *hex, masked *into) {
    into->length = 0;
    unsigned byte;
    while (into->length < LONGEST && sscanf(hex + 2 * into->length, "%2x", &byte) == 1)
        into->bytes[into->length++] = byte;
}

static number unmasked(const masked *from, unsigned char *to) {
    for (number i = 0; i < from->length; i++)
        to[i] = from->bytes[i] ^ MASK;
    return from->length;
}

/* A name and its masked bytes a line. */
static void read_secrets(const char *path) {
    FILE *file = fopen(path, "r");
    char hex[2 * LONGEST + 1];
    while (file && secret_count < MOST && fscanf(file, "%31s %128s", secrets[secret_count].name, hex) == 2)
        read_masked(hex, &secrets[secret_count++]);
    if (file)
        fclose(file);
}

static void look(const char *where, uintptr_t start, number length) {
    for (int i = 0; i < secret_count; i++) {
        const unsigned char *from = piece, *found;
        number rest = length;
        while ((found = memmem(from, rest, secrets[i].bytes, secrets[i].length)) != NULL) {
            printf("found %s at %lx in %s\n", secrets[i].name, start + (found - piece), where);
            rest -= found + 1 - from;
            from = found + 1;
        }
    }
}

static void scan_range(int memory, const char *where, uintptr_t start, uintptr_t end) {
    while (start < end) {
        number wanted = end - start < PIECE ? end - start : PIECE;
        ssize_t length = pread(memory, piece, wanted, start);
        if (length <= 0)
            return;
        for (ssize_t i = 0; i < length; i++)
            piece[i] ^= MASK;
        look(where, start, length);
        if (start + length == end)
            return;
        start += length - LONGEST;
    }
}

/* All but `piece`: what is read there would be unmasked. */
static void scan_mapping(int memory, const char *where, uintptr_t start, uintptr_t end) {
    uintptr_t own = (uintptr_t)piece;
    if (own < start || own >= end) {
        scan_range(memory, where, start, end);
        return;
    }
    scan_range(memory, where, start, own);
    scan_range(memory, where, own + PIECE, end);
}

/* Every mapping that can be written. */
static void scan(void) {
    char line[512], rights[5], where[256];
    uintptr_t start, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY), count = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        strcpy(where, "memory");
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &start, &end, rights, where) < 3 || rights[1] != 'w')
            continue;
        scan_mapping(memory, where, start, end);
        count++;
    }
    fclose(maps);
    close(memory);
    printf("scanned %d mappings\n", count);
}
