/* Makes a card work on contactless readers. In a contact reader it retrieves the card's pairing code with the PIN, has it kept
 * until this person logs out, learns who has signed the card, and shows the code. After that, on a contactless reader, the same
 * program enters the PIN through the card's virtual contact interface: in secure messaging, or not at all.
 *
 *     pairing [DEVICE]        its ID, name, label or reader; without one, the only device there is
 */

#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

static const char *interface_name(crescendo_interface interface)
{
    switch (interface) {
    case CRESCENDO_INTERFACE_CONTACT: return "contact";
    case CRESCENDO_INTERFACE_PLAIN: return "contactless, without secure messaging";
    case CRESCENDO_INTERFACE_CLOSED: return "contactless, and the card is not believed";
    case CRESCENDO_INTERFACE_UNPAIRED: return "contactless; the card waits for its pairing code";
    case CRESCENDO_INTERFACE_VCI: return "contactless, in secure messaging";
    default: return "unknown";
    }
}

static void show_status(const crescendo_pairing_info *pairing)
{
    printf("Interface: %s\n", interface_name(pairing->interface));
    printf("Pairing code: %s\n", pairing->kept ? "kept" : pairing->wants_code ? "needed, and not kept" : "not needed");
    if (pairing->suite.data != NULL)
        printf("Secure messaging: %s\n", pairing->suite.data);
    if (pairing->problem.data != NULL)
        printf("Problem: %s\n", pairing->problem.data);
}

static void show_signer(const crescendo_retrieved *retrieved)
{
    switch (retrieved->signer) {
    case CRESCENDO_SIGNER_LEARNT: puts("The card is believed on contactless readers from now on."); break;
    case CRESCENDO_SIGNER_NOT_OFFERED: puts("The card has no secure messaging."); break;
    case CRESCENDO_SIGNER_NOT_KEPT: puts("There is no place to remember who has signed the card."); break;
    default: printf("The card did not prove who it is: %s\n", retrieved->problem.data); break;
    }
}

static int retrieve(const crescendo_device *device, const crescendo_callbacks *callbacks)
{
    crescendo_buffer *code = NULL;
    const crescendo_retrieved *retrieved = NULL;
    const char *digits;
    size_t length;
    int result = 0;
    /* The PIN is NULL, so that it is asked for. `true`: the code is kept. */
    if (crescendo_pairing_retrieve(device, NULL, 0, true, callbacks, &code, &retrieved) != CRESCENDO_STATUS_OK)
        return failed();
    show_signer(retrieved);
    /* A card without a code leaves NULL here. */
    if (code != NULL && crescendo_buffer_bytes(code, &digits, &length) == CRESCENDO_STATUS_OK)
        printf("Pairing code: %.*s%s\n", (int)length, digits, retrieved->kept ? ", kept until you log out" : "");
    else if (code != NULL)
        result = failed();
    crescendo_retrieved_free(retrieved);
    /* The secret is wiped, too. */
    crescendo_buffer_free(code);
    return result;
}

/* The PIN opens a card on a contactless reader as it does in another: what the library does for that needs no call. */
static int open_card(const crescendo_device *device, const crescendo_callbacks *callbacks)
{
    if (crescendo_device_authenticate(device, NULL, 0, callbacks) != CRESCENDO_STATUS_OK)
        return failed();
    puts("The card is open, without contacts.");
    return crescendo_device_end_authentication(device) == CRESCENDO_STATUS_OK ? 0 : failed();
}

static int pair(const crescendo_device *device)
{
    crescendo_callbacks callbacks = {.size = sizeof callbacks, .ask = ask_at_terminal};
    const crescendo_pairing_info *pairing = NULL;
    if (crescendo_pairing_status(device, &pairing) != CRESCENDO_STATUS_OK)
        return failed();
    show_status(pairing);
    crescendo_interface interface = pairing->interface;
    crescendo_pairing_next next = pairing->next;
    crescendo_pairing_info_free(pairing);
    if (interface == CRESCENDO_INTERFACE_CONTACT)
        return retrieve(device, &callbacks);
    switch (next) {
    case CRESCENDO_PAIRING_NEXT_NOTHING: return open_card(device, &callbacks);
    case CRESCENDO_PAIRING_NEXT_STAY_WITH_CONTACT: puts("This card is for contact readers."); return 1;
    default: puts("Put the card into a contact reader first, and run this there."); return 1;
    }
}

int main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : NULL;
    crescendo_context *context = NULL;
    crescendo_device *device = NULL;
    int result;
    if (crescendo_context_new(&context) != CRESCENDO_STATUS_OK
        || crescendo_device_open(context, name, CRESCENDO_TERMINATED, &device) != CRESCENDO_STATUS_OK)
        result = failed();
    else
        result = pair(device);
    crescendo_device_free(device);
    crescendo_context_free(context);
    return result;
}
