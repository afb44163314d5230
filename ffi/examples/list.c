/* Lists every reader and every key: what is in it, its device ID, the tries of its PIN, and its certificates with what is to be
 * noticed of their validity. Nobody is asked for anything, and no try is spent.
 *
 *     list
 */

#include <crescendo.h>
#include <stdio.h>
#include <time.h>

/* Every text has a NUL after it. One that is absent has no data. */
static const char *shown(crescendo_text text)
{
    return text.data == NULL ? "-" : text.data;
}

/* A library that is newer than this program may know more states: a switch has a default. */
static const char *state_name(crescendo_state state)
{
    switch (state) {
    case CRESCENDO_STATE_EMPTY: return "no card";
    case CRESCENDO_STATE_UNREAD: return "not read";
    case CRESCENDO_STATE_RECOGNISED: return "a Crescendo";
    case CRESCENDO_STATE_FACTORY: return "a Crescendo as delivered, to be personalized";
    case CRESCENDO_STATE_OTHER_PIV: return "a PIV card of another make";
    case CRESCENDO_STATE_NOT_PIV: return "a card without PIV";
    case CRESCENDO_STATE_UNREADABLE: return "could not be read";
    case CRESCENDO_STATE_KEY: return "a security key without a card";
    default: return "unknown";
    }
}

static const char *mark_name(crescendo_mark mark)
{
    switch (mark) {
    case CRESCENDO_MARK_NONE: return "";
    case CRESCENDO_MARK_NOT_YET_VALID: return ", not valid yet";
    case CRESCENDO_MARK_EXPIRES_WITHIN_MONTH: return ", EXPIRES WITHIN A MONTH";
    case CRESCENDO_MARK_EXPIRED: return ", EXPIRED";
    default: return ", see a newer program";
    }
}

/* Says why a call failed. It belongs right after that call: the next one of this thread has a reason of its own. */
static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, crescendo_last_error()->message.data);
    return 1;
}

static void show_pin(const crescendo_summary *device)
{
    switch (device->pin) {
    case CRESCENDO_PIN_STATE_VERIFIED: puts("  PIN: entered"); break;
    case CRESCENDO_PIN_STATE_LOCKED: printf("  PIN: %d tries left\n", (int)device->tries); break;
    case CRESCENDO_PIN_STATE_BLOCKED: puts("  PIN: blocked"); break;
    case CRESCENDO_PIN_STATE_CONTACT_ONLY: puts("  PIN: to be entered in a contact reader"); break;
    default: break;
    }
}

static void show_certificate(const crescendo_certificate *certificate)
{
    if (certificate->problem.data != NULL) {
        printf("  %s: %s\n", shown(certificate->key_name), certificate->problem.data);
        return;
    }
    char until[sizeof "2026-12-31"] = "?";
    time_t seconds = (time_t)certificate->not_after;
    const struct tm *day = gmtime(&seconds);
    if (day != NULL)
        strftime(until, sizeof until, "%Y-%m-%d", day);
    printf("  %s (%s): %s, %s, until %s%s\n", shown(certificate->key_name), shown(certificate->purpose),
           shown(certificate->subject), shown(certificate->algorithm), until, mark_name(certificate->mark));
}

/* A device is opened to be asked more than the list tells. Its reader names it without disturbing any other. */
static int show_certificates(const crescendo_context *context, crescendo_text reader)
{
    crescendo_device *device = NULL;
    const crescendo_certificates *certificates = NULL;
    int result = 0;
    if (crescendo_device_open(context, reader.data, reader.length, &device) != CRESCENDO_STATUS_OK)
        return failed(reader.data);
    if (crescendo_certificates_list(device, &certificates) != CRESCENDO_STATUS_OK)
        result = failed(reader.data);
    else
        for (size_t i = 0; i < certificates->count; i++)
            show_certificate(certificates->items[i]);
    /* What was never given is NULL, and to free that is to do nothing. */
    crescendo_certificates_free(certificates);
    crescendo_device_free(device);
    return result;
}

static int show(const crescendo_context *context, const crescendo_summary *device)
{
    printf("%s: %s, in %s\n", shown(device->name), state_name(device->state), shown(device->reader));
    if (device->id.data != NULL)
        printf("  ID: %s\n", device->id.data);
    if (device->problem.data != NULL)
        printf("  %s\n", device->problem.data);
    show_pin(device);
    switch (device->state) {
    case CRESCENDO_STATE_RECOGNISED:
    case CRESCENDO_STATE_OTHER_PIV: return show_certificates(context, device->reader);
    default: return 0;
    }
}

int main(void)
{
    crescendo_context *context = NULL;
    const crescendo_devices *devices = NULL;
    int result = 0;
    if (crescendo_abi_version() != CRESCENDO_ABI_VERSION) {
        fputs("This program was built for another libcrescendo.\n", stderr);
        return 1;
    }
    if (crescendo_context_new(&context) != CRESCENDO_STATUS_OK)
        return failed("This machine");
    /* `true`: each card is read. Without that the list comes at once, and tells only what lies in which reader. */
    if (crescendo_devices_list(context, true, &devices) != CRESCENDO_STATUS_OK)
        result = failed("The readers");
    else if (devices->count == 0)
        puts("There is no reader and no key.");
    else
        for (size_t i = 0; i < devices->count; i++)
            result |= show(context, devices->items[i]);
    crescendo_devices_free(devices);
    crescendo_context_free(context);
    return result;
}
