/* Lists the certificates of the only device there is, exports one, or makes a key and a certificate that it signs itself.
 *
 *     certificates                        lists them
 *     certificates KEY FILE               writes the certificate of a key (9A, 9C, 9D, 9E, 82 to 95) to a file, PEM
 *     certificates KEY FILE SUBJECT       the same, after a new key was made in that place, and a certificate for
 *                                         "CN=Ada Lovelace,O=Example", say: asks what it may lose, and by what right
 */

#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

#include <stdlib.h>

enum { DAYS = 365 };

static void show(const crescendo_certificate *certificate)
{
    if (certificate->problem.data != NULL) {
        printf("%s: %s\n", certificate->key_name.data, certificate->problem.data);
        return;
    }
    printf("%s: %s, issued by %s, %s%s\n    SHA-256 ", certificate->key_name.data, certificate->subject.data,
           certificate->issuer.data, certificate->algorithm.data,
           certificate->mark == CRESCENDO_MARK_EXPIRED ? ", EXPIRED" : "");
    for (size_t i = 0; i < sizeof certificate->fingerprint; i++)
        printf("%02X", certificate->fingerprint[i]);
    putchar('\n');
}

static int list(const crescendo_device *device)
{
    const crescendo_certificates *certificates = NULL;
    if (crescendo_certificates_list(device, &certificates) != CRESCENDO_STATUS_OK)
        return failed();
    for (size_t i = 0; i < certificates->count; i++)
        show(certificates->items[i]);
    crescendo_certificates_free(certificates);
    return 0;
}

/* Writes what is in a buffer, whole or not at all as far as the exit status goes. */
static int save(const crescendo_buffer *buffer, const char *path)
{
    const char *bytes;
    size_t length;
    if (crescendo_buffer_bytes(buffer, &bytes, &length) != CRESCENDO_STATUS_OK)
        return failed();
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(bytes, 1, length, file) == length;
    written = file != NULL && fclose(file) == 0 && written;
    if (!written)
        perror(path);
    return written ? 0 : 1;
}

static int export_to(const crescendo_device *device, uint8_t key, const char *path)
{
    crescendo_buffer *certificate = NULL;
    if (crescendo_certificate_export(device, key, CRESCENDO_FORMAT_PEM, &certificate) != CRESCENDO_STATUS_OK)
        return failed();
    int result = save(certificate, path);
    crescendo_buffer_free(certificate);
    return result;
}

/* The rights are NULL: what the device wants, its PIN or a management key, is asked for. `yes` is false: what is lost is confirmed.
 * Both happen before anything is sent. */
static int make(const crescendo_device *device, uint8_t key, const char *subject)
{
    crescendo_callbacks callbacks = {
        .size = sizeof callbacks, .ask = ask_at_terminal, .confirm = confirm_at_terminal};
    /* What is not named here is zero, and that is always the usual. */
    crescendo_certificate_options options = {
        .size = sizeof options, .subject = subject, .subject_length = CRESCENDO_TERMINATED, .days = DAYS};
    crescendo_buffer *certificate = NULL;
    if (crescendo_certificate_self_sign(device, key, &options, NULL, false, &callbacks, &certificate)
        != CRESCENDO_STATUS_OK)
        return failed();
    crescendo_buffer_free(certificate); /* DER; it is on the device, too */
    return 0;
}

static int run(const crescendo_device *device, int count, char **arguments)
{
    if (count == 1)
        return list(device);
    /* The library refuses what is no key. */
    unsigned long number = strtoul(arguments[1], NULL, 16);
    uint8_t key = number <= UINT8_MAX ? (uint8_t)number : 0;
    if (count == 4 && make(device, key, arguments[3]) != 0)
        return 1;
    return export_to(device, key, arguments[2]);
}

int main(int count, char **arguments)
{
    crescendo_context *context = NULL;
    crescendo_device *device = NULL;
    int result;
    if (count == 2 || count > 4) {
        fprintf(stderr, "usage: %s [KEY FILE [SUBJECT]]\n", arguments[0]);
        return 2;
    }
    if (crescendo_context_new(&context) != CRESCENDO_STATUS_OK
        || crescendo_device_open(context, NULL, 0, &device) != CRESCENDO_STATUS_OK)
        result = failed();
    else
        result = run(device, count, arguments);
    crescendo_device_free(device);
    crescendo_context_free(context);
    return result;
}
