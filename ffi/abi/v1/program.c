/* program PIN IMAGE TRUSTED: a program that was built against interface 1. It uses what that header has, fills in each structure
   that is a program's to fill in, and says what it sees; what it could lose it refuses to confirm. */

#include <crescendo.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int asked;

static const char *text(crescendo_text text)
{
    return text.data == NULL ? "-" : text.data;
}

static bool ask(void *user, const crescendo_question *question, crescendo_answer *answer)
{
    asked++;
    printf("asked: kind %d of %s, %d tries, at most %u\n", (int)question->kind, text(question->device), (int)question->tries,
           (unsigned)question->max);
    return crescendo_answer_set(answer, user, CRESCENDO_TERMINATED) == CRESCENDO_STATUS_OK;
}

static bool confirm(void *user, const crescendo_text *lines, size_t count)
{
    (void)user;
    printf("to be confirmed: %s\n", count > 0 ? text(lines[0]) : "-");
    return false;
}

static bool tell(void *user, const crescendo_progress *progress)
{
    (void)user;
    printf("step %d, %d percent\n", (int)progress->step, (int)progress->percent);
    return true;
}

static crescendo_status say(const char *what, crescendo_status status)
{
    const crescendo_error *error = crescendo_last_error();
    printf("%s: %d, %d tries, %s\n", what, (int)status, (int)error->tries, text(error->message));
    return status;
}

static void show(const crescendo_summary *it)
{
    printf("%s: state %d, id %s, serial %s, label %s, reader %s\n", text(it->name), (int)it->state, text(it->id),
           text(it->serial), text(it->label), text(it->reader));
    printf("%d bytes of atr, pin %d, %d tries, contactless %d, vci %d, key %d, problem %s\n", (int)it->atr_length, (int)it->pin,
           (int)it->tries, it->contactless, it->vci, it->key != NULL, text(it->problem));
}

static void machine(const crescendo_context *context, const crescendo_callbacks *callbacks)
{
    const crescendo_devices *devices;
    const crescendo_security_keys *keys;
    const crescendo_report *report;
    const crescendo_cache_entries *entries;
    bool changed = true;

    if (say("list", crescendo_devices_list(context, true, &devices)) == CRESCENDO_STATUS_OK) {
        for (size_t i = 0; i < devices->count; i++)
            if (devices->items[i]->state == CRESCENDO_STATE_RECOGNISED)
                show(devices->items[i]);
        say("wait", crescendo_devices_wait(context, devices->mark, 0, callbacks, &changed));
        printf("changed: %d\n", changed);
        crescendo_devices_free(devices);
    }
    if (say("keys", crescendo_security_keys_list(context, &keys)) == CRESCENDO_STATUS_OK)
        crescendo_security_keys_free(keys);
    if (say("cache", crescendo_cache_list(context, &entries)) == CRESCENDO_STATUS_OK) {
        for (size_t i = 0; i < entries->count; i++)
            printf("remembered: %s, %s, %s\n", text(entries->items[i]->guid), text(entries->items[i]->label),
                   entries->items[i]->bytes > 0 ? "some bytes" : "nothing");
        crescendo_cache_entries_free(entries);
    }
    if (say("doctor", crescendo_doctor(context, NULL, 0, &report)) == CRESCENDO_STATUS_OK) {
        printf("findings: %s, %s\n", report->count > 3 ? text(report->items[0]->id) : "few",
               report->installed_count > 0 ? text(report->installed[0]->name) : "nothing installed");
        crescendo_report_free(report);
    }
}

static void card(const crescendo_device *device)
{
    const crescendo_summary *summary;
    const crescendo_info *info;
    const crescendo_pin_info *pin;
    const crescendo_pairing_info *pairing;
    const crescendo_offers *offers;
    const crescendo_recycle_plan *plan;
    int32_t key = 0;

    if (say("summary", crescendo_device_summary(device, false, &summary)) == CRESCENDO_STATUS_OK)
        show(summary), crescendo_summary_free(summary);
    if (say("info", crescendo_device_info(device, &info)) == CRESCENDO_STATUS_OK) {
        printf("guid %s, expiry %s, %d keys, first %02x, %s\n", text(info->guid), text(info->expiry), (int)info->key_count,
               info->keys[0]->reference, info->application_count > 0 ? text(info->applications[0]->name) : "no applications");
        crescendo_info_free(info);
    }
    if (say("pin status", crescendo_pin_status(device, &pin)) == CRESCENDO_STATUS_OK) {
        printf("pin: %d, %d tries, %u to %u, puk %d, help desk %d\n", (int)pin->state, (int)pin->tries, (unsigned)pin->min,
               (unsigned)pin->max, (int)pin->puk, (int)pin->help_desk);
        crescendo_pin_info_free(pin);
    }
    if (say("pairing status", crescendo_pairing_status(device, &pairing)) == CRESCENDO_STATUS_OK) {
        printf("pairing: %d, next %d, vci %d, kept %d\n", (int)pairing->interface, (int)pairing->next, pairing->vci, pairing->kept);
        crescendo_pairing_info_free(pairing);
    }
    if (say("offers", crescendo_device_offers(device, &offers)) == CRESCENDO_STATUS_OK) {
        for (size_t i = 0; i < offers->count; i++)
            if (offers->items[i]->action == CRESCENDO_ACTION_PERSONALIZE)
                printf("personalize: %d, %s\n", (int)offers->items[i]->why_not, text(offers->items[i]->sentence));
        crescendo_offers_free(offers);
    }
    if (say("recycle preview", crescendo_recycle_preview(device, true, &plan)) == CRESCENDO_STATUS_OK) {
        printf("would be lost: %s\n", plan->line_count > 0 ? text(plan->lines[0]) : "-");
        crescendo_recycle_plan_free(plan);
    }
    if (say("audit", crescendo_device_audit(device, &key)) == CRESCENDO_STATUS_OK)
        printf("administration key: %d\n", (int)key);
}

static void bytes(crescendo_buffer *buffer)
{
    const char *first;
    size_t length;
    if (say("bytes", crescendo_buffer_bytes(buffer, &first, &length)) == CRESCENDO_STATUS_OK)
        printf("%.27s\n", length >= 27 ? first : "few");
    crescendo_buffer_free(buffer);
}

static void certificates(const crescendo_device *device, const crescendo_callbacks *callbacks)
{
    const crescendo_certificates *found;
    crescendo_rights rights;
    crescendo_certificate_options options;
    crescendo_buffer *buffer = NULL;

    if (say("certificates", crescendo_certificates_list(device, &found)) == CRESCENDO_STATUS_OK) {
        for (size_t i = 0; i < found->count && i < 1; i++)
            printf("%02x, %s, of %s, %s, %s, %s\n", found->items[i]->key, text(found->items[i]->subject),
                   text(found->items[i]->issuer), text(found->items[i]->algorithm),
                   found->items[i]->not_after > found->items[i]->not_before ? "valid" : "never valid",
                   found->items[i]->der_length > 100 ? "der" : "no der");
        crescendo_certificates_free(found);
    }
    if (say("export", crescendo_certificate_export(device, 0x9a, CRESCENDO_FORMAT_PEM, &buffer)) == CRESCENDO_STATUS_OK)
        bytes(buffer);
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.subject = "CN=Old";
    options.subject_length = CRESCENDO_TERMINATED;
    options.existing = true;
    if (say("request", crescendo_certificate_request(device, 0x9a, &options, CRESCENDO_FORMAT_PEM, NULL, false, callbacks, &buffer))
        == CRESCENDO_STATUS_OK)
        bytes(buffer);
    memset(&rights, 0, sizeof rights);
    rights.size = sizeof rights;
    rights.pin = callbacks->user;
    rights.pin_length = CRESCENDO_TERMINATED;
    say("delete", crescendo_certificate_delete(device, 0x9a, &rights, false, callbacks));
}

static void others(const crescendo_context *context, const crescendo_device *device, const crescendo_callbacks *callbacks,
                   char **arguments)
{
    static uint8_t file[1 << 16];
    crescendo_otp_options otp;
    crescendo_personalize_options personal;
    crescendo_update_options update;
    crescendo_buffer *buffer = NULL, *second = NULL;
    crescendo_image *image = NULL;
    const crescendo_image_description *description;
    const crescendo_personalized *personalized;
    const crescendo_updated *updated;
    FILE *stream = fopen(arguments[2], "rb");
    size_t length = fread(file, 1, sizeof file, stream);
    fclose(stream);

    memset(&otp, 0, sizeof otp);
    otp.size = sizeof otp;
    say("code", crescendo_otp_code(device, 1, &otp, callbacks, &buffer));
    memset(&personal, 0, sizeof personal);
    personal.size = sizeof personal;
    say("personalize", crescendo_personalize(device, &personal, callbacks, &buffer, &second, &personalized));
    say("image", crescendo_image_open(context, file, length, arguments[3], CRESCENDO_TERMINATED, &image));
    if (say("describe", crescendo_image_describe(image, &description)) == CRESCENDO_STATUS_OK) {
        printf("%s %s, %d signers\n", text(description->model), text(description->version), (int)description->signer_count);
        crescendo_image_description_free(description);
    }
    memset(&update, 0, sizeof update);
    update.size = sizeof update;
    say("update", crescendo_update(context, image, "nobody's", CRESCENDO_TERMINATED, &update, callbacks, &updated));
    crescendo_image_free(image);
}

int main(int count, char **arguments)
{
    crescendo_context *context = NULL;
    crescendo_cancel *cancel = NULL;
    crescendo_device *device = NULL;
    crescendo_callbacks callbacks;

    if (count != 4)
        return 2;
    printf("built for %u, running with %u\n", (unsigned)CRESCENDO_ABI_VERSION, (unsigned)crescendo_abi_version());
    say("context", crescendo_context_new(&context));
    say("cancel", crescendo_cancel_new(&cancel));
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.size = sizeof callbacks;
    callbacks.user = arguments[1];
    callbacks.ask = ask;
    callbacks.confirm = confirm;
    callbacks.tell = tell;
    callbacks.cancel = cancel;

    machine(context, &callbacks);
    say("nobody", crescendo_device_open(context, "nobody", 6, &device));
    if (crescendo_last_error()->candidate_count > 0)
        printf("candidate: %s\n", text(crescendo_last_error()->candidates[0]->name));
    say("open", crescendo_device_open(context, NULL, 0, &device));
    card(device);
    say("wrong", crescendo_device_authenticate(device, "987654", 6, NULL));
    say("right", crescendo_device_authenticate(device, NULL, 0, &callbacks));
    certificates(device, &callbacks);
    say("end", crescendo_device_end_authentication(device));
    others(context, device, &callbacks, arguments);
    callbacks.size = 8;
    say("size", crescendo_device_authenticate(device, NULL, 0, &callbacks));
    callbacks.size = sizeof callbacks;
    say("let go", crescendo_device_let_go(device));
    say("cancel", crescendo_cancel_now(cancel));
    say("cancelled", crescendo_device_authenticate(device, NULL, 0, &callbacks));
    printf("asked: %d times\n", asked);
    crescendo_device_free(device);
    crescendo_cancel_free(cancel);
    crescendo_context_free(context);
    return 0;
}
