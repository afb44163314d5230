/* A program that resets the card each time it lets go of it, and lets go in the middle of a transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <winscard.h>

static void check(const char *what, LONG result) {
    if (result != SCARD_S_SUCCESS) {
        printf("%s: %#lx\n", what, (unsigned long)result);
        exit(1);
    }
}

int main(int count, char **arguments) {
    SCARDCONTEXT context;
    char readers[1024];
    DWORD length = sizeof readers, protocol;
    check("SCardEstablishContext", SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));
    check("SCardListReaders", SCardListReaders(context, NULL, readers, &length));
    for (int round = atoi(arguments[1]); round > 0; round--) {
        SCARDHANDLE card;
        check("SCardConnect", SCardConnect(context, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol));
        LONG begun = SCardBeginTransaction(card);
        if (begun != SCARD_W_RESET_CARD)
            check("SCardBeginTransaction", begun);
        usleep(round % 7 * 1000);
        check("SCardDisconnect", SCardDisconnect(card, SCARD_RESET_CARD));
        usleep(round % 5 * 10000);
    }
    printf("done\n");
    return 0;
}
