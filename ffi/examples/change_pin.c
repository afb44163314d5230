/* Changes the PIN of a device. The old PIN and the new one are asked for at the terminal, with the tries that are left and what
 * the new one has to look like; none is ever an argument, which everybody on the machine could read.
 *
 *     change_pin [DEVICE]        its ID, name, label or reader; without one, the only device there is
 */

#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

/* Shows how the PIN stands, before anybody is asked for it. This spends no try. */
static int show_pin(const crescendo_device *device)
{
    const crescendo_pin_info *pin = NULL;
    if (crescendo_pin_status(device, &pin) != CRESCENDO_STATUS_OK)
        return failed();
    if (pin->tries >= 0)
        printf("Tries left: %d\n", (int)pin->tries);
    /* What both the device and the owner of this machine want; the numbers are in min, max and digits. */
    printf("A new PIN has %s.\n", pin->rules.data);
    if (pin->state == CRESCENDO_PIN_STATE_BLOCKED && pin->help_desk != CRESCENDO_HELP_DESK_NO)
        puts("A help desk can unblock it: crescendo_pin_unblock_with_help_desk.");
    crescendo_pin_info_free(pin);
    return 0;
}

static int change_pin(const crescendo_device *device)
{
    /* Members that are not named are NULL: nobody is told how far it is, and no other thread cancels it. */
    crescendo_callbacks callbacks = {.size = sizeof callbacks, .ask = ask_at_terminal};

    /* Both PINs are NULL, so that both are asked for. The library checks what is entered before it sends anything: what can be no
     * PIN is asked for again, with the `problem`, and costs no try. A wrong old PIN costs one. */
    switch (crescendo_pin_change(device, NULL, 0, NULL, 0, &callbacks)) {
    case CRESCENDO_STATUS_OK:
        puts("The PIN is changed.");
        return 0;
    case CRESCENDO_STATUS_CANCELLED:
        puts("Cancelled: the PIN is the old one.");
        return 1;
    case CRESCENDO_STATUS_UNCERTAIN:
        puts("The device was lost before it answered: the PIN is the old one or the new one.");
        return failed();
    default:
        /* CRESCENDO_STATUS_WRONG_PIN, CRESCENDO_STATUS_PIN_BLOCKED and others: the message tells, and how many tries are left. */
        return failed();
    }
}

int main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : NULL;
    crescendo_context *context = NULL;
    crescendo_device *device = NULL;
    int result;
    /* Each call only where the one before it has succeeded. A name of NULL is none, whatever its length. */
    if (crescendo_context_new(&context) != CRESCENDO_STATUS_OK
        || crescendo_device_open(context, name, CRESCENDO_TERMINATED, &device) != CRESCENDO_STATUS_OK)
        result = failed();
    else if ((result = show_pin(device)) == 0)
        result = change_pin(device);
    /* To free NULL is to do nothing. */
    crescendo_device_free(device);
    crescendo_context_free(context);
    return result;
}
